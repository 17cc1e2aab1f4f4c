package dev.koyomi.runner.unit;

import dev.koyomi.crds.sql.SqlText;
import java.sql.Connection;
import java.sql.ParameterMetaData;
import java.sql.PreparedStatement;
import java.sql.ResultSet;
import java.sql.SQLException;
import java.sql.Statement;
import java.time.Duration;
import java.util.ArrayList;
import java.util.Iterator;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import java.util.Set;
import java.util.stream.Collectors;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * A Unit's statements as a temporary procedure of one session, which works the jobs of a slice:
 * statements, advance, COMMIT. It is gone with the session, and needs no right but TEMPORARY.
 *
 * <p>After each COMMIT every expression is made ready anew, at about a microsecond for each
 * function in it: so there are few, and those that are seldom needed stand behind an IF.
 *
 * <p>Statements are static, so that their plans are kept (PostgreSQL manual, 41.11.2), and
 * transaction control is allowed in a procedure that is called outside a transaction (41.8).
 */
final class UnitProcedure {
  private static final Logger LOG = LoggerFactory.getLogger(UnitProcedure.class);

  /** A call ends with the first transaction after this time. */
  static final Duration CALL = Duration.ofSeconds(1);

  /**
   * A page of the slices has room for so many versions of a row, and half of them again: it is
   * looked at through the index before it is full.
   */
  private static final int FIND_EVERY = 32;

  /** SQLSTATE: a migration has changed what moves the cursor; the procedure is to be made anew. */
  static final String OUTDATED = "KY015";

  static final String CALL_TEXT = "call pg_temp.koyomi_unit(?, ?, ?, ?, ?, ?)";

  /** Statements that cannot end a transaction; CALL and DO could. */
  private static final Set<String> HARMLESS =
      Set.of("INSERT", "UPDATE", "DELETE", "MERGE", "SELECT", "WITH", "VALUES", "TABLE");

  private static final String SELECT = "SELECT";

  private static final Set<String> QUERIES = Set.of(SELECT, "VALUES", "TABLE");

  private final SqlText sql;
  private final boolean together;
  private final Duration timeout;

  /**
   * @param together several jobs in one transaction
   */
  UnitProcedure(SqlText sql, boolean together, Duration timeout) {
    this.sql = sql;
    this.together = together;
    this.timeout = timeout;
  }

  /** Whether these statements can stand in a procedure. */
  static boolean possible(SqlText sql) {
    return !sql.usesJobs()
        && sql.statements().stream().allMatch(statement -> HARMLESS.contains(statement.keyword()));
  }

  /**
   * Creates the procedure in this session.
   *
   * @return false when the server refuses it, or refuses the statements: then they are to be sent
   *     as they are, and what is wrong with them shows when they run
   * @throws SQLException when the connection broke
   */
  boolean create(Connection connection) throws SQLException {
    try {
      List<Described> described = described(connection);
      try (Statement statement = connection.createStatement()) {
        statement.setEscapeProcessing(false);
        statement.execute(text(described, step(statement)));
      }
      return true;
    } catch (SQLException refused) {
      if (!connection.isValid(5)) {
        throw refused;
      }
      LOG.atDebug().addKeyValue("cause", refused.getMessage()).log("no procedure for this Unit");
      return false;
    }
  }

  /**
   * A statement with what the server says of it.
   *
   * @param types of its parameters
   */
  private record Described(SqlText.Statement statement, List<String> types, boolean givesRows) {}

  private List<Described> described(Connection connection) throws SQLException {
    List<Described> all = new ArrayList<>();
    for (SqlText.Statement statement : sql.statements()) {
      try (PreparedStatement prepared = connection.prepareStatement(statement.text())) {
        ParameterMetaData parameters = prepared.getParameterMetaData();
        List<String> types = new ArrayList<>();
        for (int i = 1; i <= parameters.getParameterCount(); i++) {
          types.add(quoted(parameters.getParameterTypeName(i)));
        }
        all.add(new Described(statement, types, prepared.getMetaData() != null));
      }
    }
    return all;
  }

  /** As the driver has it with a schema: BIT without quotes is of one bit, "bit" of any length. */
  private static String quoted(String type) {
    return type.startsWith("\"") ? type : '"' + type + '"';
  }

  /**
   * What moves the cursor from koyomi_from to koyomi_done, as the schema of this database has it.
   *
   * @param find finds the row that is moved
   * @param digest tells it from another
   */
  private record Step(String find, String text, String digest) {}

  private static Step step(Statement statement) throws SQLException {
    try (ResultSet row =
        statement.executeQuery(
            "select find, step, md5(text::text) from koyomi.step_text() as text")) {
      row.next();
      return new Step(row.getString(1), row.getString(2), row.getString(3));
    }
  }

  /**
   * The body's variables, which hold the values of parameters: a column of the payload as text, and
   * one of it for each type that it is needed as.
   */
  private record Variables(Map<String, String> columns, Map<Value, String> values) {
    record Value(String parameter, String type) {
      /** An array of arrays is not a list of them. */
      boolean isArray() {
        return type.matches("(.*\\.)?\"_.*");
      }
    }

    static Variables of(List<Described> statements) {
      Map<String, String> columns = new LinkedHashMap<>();
      Map<Value, String> values = new LinkedHashMap<>();
      for (Described each : statements) {
        for (int i = 0; i < each.types.size(); i++) {
          String parameter = each.statement.parameters().get(i);
          columns.putIfAbsent(parameter, "koyomi_v" + columns.size());
          values.putIfAbsent(new Value(parameter, each.types.get(i)), "koyomi_p" + values.size());
        }
      }
      return new Variables(columns, values);
    }

    String declared() {
      StringBuilder text = new StringBuilder();
      columns.values().forEach(name -> text.append("  %s text[];\n".formatted(name)));
      values.forEach(
          (value, name) -> {
            text.append("  %s %s;\n".formatted(name, value.type));
            if (!value.isArray()) {
              text.append("  %ss %s[];\n".formatted(name, value.type));
            }
          });
      return text.toString();
    }

    String read() {
      StringBuilder text = new StringBuilder();
      columns
          .keySet()
          .forEach(
              parameter ->
                  text.append(", koyomi.values_of(s.chunk_id, %s)".formatted(literal(parameter))));
      return text.toString();
    }

    String into() {
      return columns.values().stream().map(name -> ", " + name).collect(Collectors.joining());
    }

    /** Where the slice is a list of some jobs: in the order of that. */
    String listed() {
      StringBuilder text = new StringBuilder();
      columns
          .values()
          .forEach(
              name ->
                  text.append(
                      "    %1$s := array(select %1$s[o + 1] from unnest(koyomi_ordinals) with ordinality as t(o, n) order by n);\n"
                          .formatted(name)));
      return text.toString();
    }

    /**
     * From koyomi_from to koyomi_to in their types, as a text of each job would be read anew after
     * each COMMIT.
     */
    String typed() {
      StringBuilder text = new StringBuilder();
      values.forEach(
          (value, name) -> {
            if (!value.isArray()) {
              text.append(
                  "        %ss := (array_fill(null::text, array[koyomi_from]) || %s[koyomi_from + 1 : koyomi_to])::%s[];\n"
                      .formatted(name, columns.get(value.parameter), value.type));
            }
          });
      return text.toString();
    }

    /** Those of one job, which may be wrong. */
    String tried() {
      StringBuilder text = new StringBuilder();
      values.forEach(
          (value, name) ->
              text.append(
                  "            %s := %s[koyomi_done];\n"
                      .formatted(name, columns.get(value.parameter))));
      return text.toString();
    }

    String assigned() {
      StringBuilder text = new StringBuilder();
      values.forEach(
          (value, name) ->
              text.append(
                  "    %s := %s[koyomi_done];\n"
                      .formatted(
                          name, value.isArray() ? columns.get(value.parameter) : name + "s")));
      return text.toString();
    }

    String in(Described each) {
      Iterator<String> types = each.types.iterator();
      return each.statement.rendered(
          parameter -> Objects.requireNonNull(values.get(new Value(parameter, types.next()))));
    }
  }

  private String text(List<Described> statements, Step step) {
    Variables variables = Variables.of(statements);
    StringBuilder work = new StringBuilder(variables.assigned());
    for (Described each : statements) {
      work.append(rendered(each, variables.in(each)));
    }
    // Of a loop over rows the server keeps no count.
    work.append(
        loops(statements.getLast())
            ? "    koyomi_rows := found::int;\n"
            : "    get diagnostics koyomi_rows = row_count;\n");
    String quote = "$koyomi" + Integer.toHexString(work.toString().hashCode()) + "$";
    return """
    create or replace procedure pg_temp.koyomi_unit(
        koyomi_slice bigint, koyomi_lease bigint, inout koyomi_from int, koyomi_to int, koyomi_group int, koyomi_until timestamptz)
      language plpgsql as %1$s
    #variable_conflict use_column
    declare
      koyomi_ordinals int[];
      koyomi_version tid;
      koyomi_rows bigint;
      koyomi_row record;
      koyomi_skipped int[];
      koyomi_begin int := koyomi_from;
      koyomi_begun timestamptz;
      koyomi_now timestamptz;
      koyomi_end timestamptz;
    %2$s
    begin
      if md5(koyomi.step_text()::text) <> '%3$s' then
        raise exception 'the schema was migrated since this procedure was made' using errcode = 'KY015';
      end if;
      select s.ordinals%4$s into koyomi_ordinals%5$s
        from koyomi.slice s where s.id = koyomi_slice and s.lease = koyomi_lease and s.position = koyomi_from;
      if not found then
        raise exception 'slice %% is no longer at position %% under this lease', koyomi_slice, koyomi_from using errcode = 'KY001';
      end if;
      if koyomi_ordinals is not null then
        null;
    %6$s
      end if;
      begin
    %11$s
      exception when others then
        -- What cannot be read is the error of its own job: this call does those before it, or raises it.
        for koyomi_done in koyomi_from + 1 .. koyomi_to loop
          begin
    %12$s
          exception when others then
            if koyomi_done = koyomi_from + 1 then
              raise;
            end if;
            koyomi_to := koyomi_done - 1;
            exit;
          end;
        end loop;
    %11$s
      end;
      koyomi_begun := clock_timestamp();
      koyomi_end := koyomi_begun + interval '%7$d milliseconds';
      <<jobs>>
      while koyomi_from < koyomi_to loop
    %8$s
        for koyomi_done in koyomi_from + 1 .. least(koyomi_from + %9$d, koyomi_to) loop
    %10$s
        end loop;
      end loop;
    end %1$s
    """
        .formatted(
            quote,
            variables.declared(),
            step.digest,
            variables.read(),
            variables.into(),
            variables.listed(),
            together ? CALL.toMillis() : Math.min(CALL.toMillis(), timeout.toMillis()),
            step.find,
            // A transaction ends with the loop: several jobs of one are not parted.
            together ? Integer.MAX_VALUE / 2 : FIND_EVERY,
            together ? together(work, step) : each(work, step),
            variables.typed(),
            variables.tried());
  }

  /**
   * A transaction for each job. Only what its usual way needs is asked after each COMMIT: whether
   * there is a permit, and whether the cursor moved, for which the Unit has ended in time: the call
   * lasts no longer than a Unit may.
   */
  private String each(StringBuilder work, Step step) {
    return """
        if koyomi_until is not null then
          exit jobs when koyomi_until < koyomi.clock();
        end if;
    %1$s
    %2$s
        if found then
          commit;
        else
          -- now() is the begin of this transaction: a COMMIT's time is not that of the next Unit.
          if clock_timestamp() - greatest(koyomi_begun, now()) > interval '%3$d milliseconds' then
            raise exception 'too slow' using errcode = 'KY013';
          end if;
          perform koyomi.advance(koyomi_slice, koyomi_lease, koyomi_done - 1, 1, case when koyomi_rows = 0 then array[koyomi_done - 1] end);
          koyomi_from := koyomi_done;
          %4$s
          commit;
          exit jobs when clock_timestamp() > koyomi_end;
        end if;
    """
        .formatted(work, step.text, timeout.toMillis(), step.find);
  }

  /**
   * Several jobs in one transaction, which is closed early when the call has lasted long enough.
   */
  private String together(StringBuilder work, Step step) {
    return """
        if koyomi_until is not null then
          if koyomi_until < koyomi.clock() then
            exit jobs when koyomi_done = koyomi_begin + 1;
            raise exception 'the permit has lapsed' using errcode = 'KY009';
          end if;
        end if;
        koyomi_begun := clock_timestamp();
        -- After a COMMIT, whose time is not that of the next Unit.
        exit jobs when koyomi_begun > koyomi_end and koyomi_done = koyomi_begin + 1;
    %1$s
        if koyomi_rows = 0 then
          koyomi_skipped := koyomi_skipped || (koyomi_done - 1);
        end if;
        koyomi_now := clock_timestamp();
        if koyomi_now - koyomi_begun > interval '%3$d milliseconds' then
          raise exception 'too slow' using errcode = 'KY013';
        end if;
        if koyomi_done - koyomi_begin >= koyomi_group or koyomi_done = koyomi_to or koyomi_now > koyomi_end or koyomi_until < koyomi.clock() then
          koyomi_rows := case when koyomi_skipped is null then 1 else 0 end;
    %2$s
          if not found then
            perform koyomi.advance(koyomi_slice, koyomi_lease, koyomi_begin, koyomi_done - koyomi_begin, koyomi_skipped);
            koyomi_from := koyomi_done;
            %4$s
          end if;
          commit;
          koyomi_begin := koyomi_done;
          koyomi_skipped := null;
        end if;
    """
        .formatted(work, step.text, timeout.toMillis(), step.find);
  }

  /**
   * One statement; afterwards ROW_COUNT, or FOUND of a loop, says whether it wrote or gave a row.
   */
  private static String rendered(Described described, String text) {
    if (!described.givesRows) {
      // On a line of its own, as a comment may end the statement.
      return "    %s\n    ;\n".formatted(text);
    }
    if (loops(described)) {
      // Rows of a statement that writes cannot be left unread.
      return """
          for koyomi_row in
      %s
          loop
          end loop;
      """
          .formatted(text);
    }
    return text.regionMatches(true, 0, SELECT, 0, SELECT.length())
        // What the server makes of it again; a query around it costs a hundredth of the job.
        ? "    perform%s\n    ;\n".formatted(text.substring(SELECT.length()))
        : "    perform * from (\n%s\n    ) as koyomi_query;\n".formatted(text);
  }

  private static boolean loops(Described described) {
    return described.givesRows && !QUERIES.contains(described.statement.keyword());
  }

  private static String literal(String text) {
    return '\'' + text.replace("'", "''") + '\'';
  }
}
