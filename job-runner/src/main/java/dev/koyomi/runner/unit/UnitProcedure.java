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
import java.util.List;
import java.util.Set;
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

  /** SQLSTATE: a migration has changed what moves the cursor; the procedure is to be made anew. */
  static final String OUTDATED = "KY015";

  static final String CALL_TEXT = "call pg_temp.koyomi_unit(?, ?, ?, ?, ?, ?)";

  /** Statements that cannot end a transaction; CALL and DO could. */
  private static final Set<String> HARMLESS =
      Set.of("INSERT", "UPDATE", "DELETE", "MERGE", "SELECT", "WITH", "VALUES", "TABLE");

  private static final Set<String> QUERIES = Set.of("SELECT", "VALUES", "TABLE");

  private final SqlText sql;
  private final Duration timeout;

  UnitProcedure(SqlText sql, Duration timeout) {
    this.sql = sql;
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
          types.add(parameters.getParameterTypeName(i));
        }
        all.add(new Described(statement, types, prepared.getMetaData() != null));
      }
    }
    return all;
  }

  /**
   * What moves the cursor from koyomi_from to koyomi_done, as the schema of this database has it.
   *
   * @param digest tells it from another
   */
  private record Step(String text, String digest) {}

  private static Step step(Statement statement) throws SQLException {
    try (ResultSet row =
        statement.executeQuery("select text, md5(text) from koyomi.step_text() as text")) {
      row.next();
      return new Step(row.getString(1), row.getString(2));
    }
  }

  private String text(List<Described> statements, Step step) {
    List<String> names = List.copyOf(sql.parameters());
    StringBuilder declared = new StringBuilder();
    StringBuilder assigned = new StringBuilder();
    StringBuilder selected = new StringBuilder();
    StringBuilder into = new StringBuilder();
    for (int i = 0; i < names.size(); i++) {
      declared.append("  koyomi_v%d text[];\n".formatted(i));
      selected.append("koyomi.values_of(s.chunk_id, %s), ".formatted(literal(names.get(i))));
      into.append("koyomi_v%d, ".formatted(i));
    }
    StringBuilder work = new StringBuilder();
    int number = 0;
    for (Described each : statements) {
      int first = number;
      for (String type : each.types) {
        declared.append("  koyomi_p%d %s;\n".formatted(number, type));
        assigned.append(
            "    koyomi_p%d := koyomi_v%d[koyomi_job];\n"
                .formatted(number, names.indexOf(each.statement.parameters().get(number - first))));
        number++;
      }
      int[] next = {first};
      work.append(rendered(each, each.statement.rendered(_ -> "koyomi_p" + next[0]++)));
    }
    String quote = "$koyomi" + Integer.toHexString(work.toString().hashCode()) + "$";
    return """
    create or replace procedure pg_temp.koyomi_unit(
        koyomi_slice bigint, koyomi_lease bigint, inout koyomi_from int, koyomi_to int, koyomi_group int, koyomi_until timestamptz)
      language plpgsql as %1$s
    #variable_conflict use_column
    declare
      koyomi_ordinals int[];
      koyomi_version tid;
      koyomi_job int;
      koyomi_row record;
      koyomi_skipped int[];
      koyomi_begun timestamptz;
      koyomi_now timestamptz;
      koyomi_end timestamptz := clock_timestamp() + interval '%8$d milliseconds';
      koyomi_each boolean := koyomi_group = 1;
      koyomi_full boolean;
    %2$s
    begin
      if md5(koyomi.step_text()) <> '%10$s' then
        raise exception 'the schema was migrated since this procedure was made' using errcode = 'KY015';
      end if;
      select %3$ss.ordinals, s.ctid into %4$skoyomi_ordinals, koyomi_version
        from koyomi.slice s where s.id = koyomi_slice and s.lease = koyomi_lease and s.position = koyomi_from;
      if not found then
        raise exception 'slice %% is no longer at position %% under this lease', koyomi_slice, koyomi_from using errcode = 'KY001';
      end if;
      for koyomi_done in koyomi_from + 1 .. koyomi_to loop
        if koyomi_until is not null then
          if koyomi_until < koyomi.clock() then
            exit when koyomi_done = koyomi_from + 1;
            raise exception 'the permit has lapsed' using errcode = 'KY009';
          end if;
        end if;
        koyomi_begun := clock_timestamp();
        if koyomi_begun > koyomi_end then
          -- After a COMMIT, whose time is not that of the next Unit.
          exit when koyomi_done = koyomi_from + 1;
        end if;
        koyomi_job := koyomi_done;
        if koyomi_ordinals is not null then
          koyomi_job := koyomi_ordinals[koyomi_done] + 1;
        end if;
    %5$s
    %6$s
        if not found then
          koyomi_skipped := koyomi_skipped || (koyomi_done - 1);
        end if;
        koyomi_now := clock_timestamp();
        if koyomi_now - koyomi_begun > interval '%7$d milliseconds' then
          raise exception 'too slow' using errcode = 'KY013';
        end if;
        koyomi_full := koyomi_each;
        if not koyomi_full then
          koyomi_full := koyomi_done - koyomi_from >= koyomi_group or koyomi_done = koyomi_to or koyomi_now > koyomi_end;
          if koyomi_until is not null then
            koyomi_full := koyomi_full or koyomi_until < koyomi.clock();
          end if;
        end if;
        if koyomi_full then
    %9$s
          commit;
          koyomi_from := koyomi_done;
          koyomi_skipped := null;
        end if;
      end loop;
    end %1$s
    """
        .formatted(
            quote,
            declared,
            selected,
            into,
            assigned,
            work,
            timeout.toMillis(),
            CALL.toMillis(),
            step.text,
            step.digest);
  }

  /** One statement; afterwards FOUND says whether it wrote or gave a row. */
  private static String rendered(Described described, String text) {
    if (!described.givesRows) {
      // On a line of its own, as a comment may end the statement.
      return "    %s\n    ;\n".formatted(text);
    }
    return QUERIES.contains(described.statement.keyword())
        ? "    perform * from (\n%s\n    ) as koyomi_query;\n".formatted(text)
        // Rows of a statement that writes cannot be left unread.
        : """
            for koyomi_row in
        %s
            loop
            end loop;
        """
            .formatted(text);
  }

  private static String literal(String text) {
    return '\'' + text.replace("'", "''") + '\'';
  }
}
