package dev.koyomi.runner.queue;

import java.sql.ResultSetMetaData;
import java.sql.SQLException;
import java.sql.Types;
import java.util.ArrayList;
import java.util.List;
import java.util.Set;
import java.util.stream.Collectors;

/**
 * How the rows of a trigger's query become keys and payloads: each payload column as text, with a
 * letter for what it is in JSON.
 */
final class Payload {
  private static final String KEY = "key";

  /** Types whose order PostgreSQL and a person agree on; texts are compared by their bytes. */
  private static final Set<String> ORDERED =
      Set.of(
          "int2",
          "int4",
          "int8",
          "numeric",
          "uuid",
          "date",
          "timestamp",
          "timestamptz",
          "oid",
          "serial",
          "bigserial",
          "smallserial");

  /** Types whose arrays become arrays of text as they should. */
  private static final Set<String> GATHERED =
      Set.of("int2", "int4", "int8", "numeric", "text", "varchar", "bool", "uuid");

  private static final Set<String> TEXTS = Set.of("text", "varchar", "bpchar", "name");

  private final List<String> names;
  private final String kinds;
  private final List<String> expressions;
  private final String key;
  private final String rising;

  private Payload(
      List<String> names, String kinds, List<String> expressions, String key, String rising) {
    this.names = List.copyOf(names);
    this.kinds = kinds;
    this.expressions = List.copyOf(expressions);
    this.key = key;
    this.rising = rising;
  }

  /**
   * Columns of rows that do not come from a query.
   *
   * @param kinds a letter for each, as {@link #kinds} gives them
   */
  static Payload of(List<String> names, String kinds, Set<String> needed) throws Selection.Refused {
    List<String> all = new ArrayList<>(names);
    all.add(KEY);
    check(all, names, needed);
    return new Payload(names, kinds, List.of(), "t.key", "null::boolean");
  }

  /**
   * Reads what the server says of the query's columns.
   *
   * @param needed columns that the Unit uses
   * @throws Selection.Refused when the columns are no targets for this Unit
   */
  static Payload of(ResultSetMetaData columns, Set<String> needed)
      throws SQLException, Selection.Refused {
    List<String> all = new ArrayList<>();
    List<String> names = new ArrayList<>();
    List<String> expressions = new ArrayList<>();
    StringBuilder kinds = new StringBuilder();
    String key = "t.key";
    String rising = "null::boolean";
    for (int i = 1; i <= columns.getColumnCount(); i++) {
      String name = columns.getColumnName(i);
      all.add(name);
      if (name.equals(KEY)) {
        key = key(columns.getColumnTypeName(i));
        rising = rising(columns.getColumnTypeName(i));
        continue;
      }
      char kind = kind(columns.getColumnType(i), columns.getColumnTypeName(i));
      names.add(name);
      kinds.append(kind);
      expressions.add(
          value(kind, columns.getColumnType(i), columns.getColumnTypeName(i), "t." + quoted(name)));
    }
    check(all, names, needed);
    return new Payload(names, kinds.toString(), expressions, key, rising);
  }

  private static void check(List<String> all, List<String> names, Set<String> needed)
      throws Selection.Refused {
    if (!all.contains(KEY)) {
      throw new Selection.Refused(
          "KeyMissing",
          "spec.trigger.sql: the query has no column \"key\" that identifies the target; add one,"
              + " such as: SELECT id AS key, …");
    }
    if (all.stream().distinct().count() != all.size()) {
      throw new Selection.Refused(
          "ColumnTwice",
          "spec.trigger.sql: two columns of the query have the same name; give each its own with"
              + " AS");
    }
    List<String> missing = needed.stream().filter(name -> !names.contains(name)).sorted().toList();
    if (!missing.isEmpty()) {
      throw new Selection.Refused(
          "ParameterWithoutColumn",
          "spec.unit.sql: %s has no column of that name in spec.trigger.sql beside \"key\" (there are: %s): select it there, or take it out of the Unit."
              .formatted(
                  String.join(", ", missing),
                  names.stream().sorted().collect(Collectors.joining(", "))));
    }
  }

  private static char kind(int type, String typeName) {
    return switch (type) {
      case Types.SMALLINT, Types.INTEGER, Types.BIGINT, Types.NUMERIC, Types.REAL, Types.DOUBLE ->
          typeName.equals("money") ? 's' : 'n';
      case Types.BIT, Types.BOOLEAN -> typeName.equals("bool") ? 'b' : 's';
      case Types.ARRAY, Types.STRUCT -> 'j';
      default -> typeName.startsWith("json") ? 'j' : 's';
    };
  }

  /**
   * What becomes the text that JSON would have, whatever the session's settings are; values of the
   * common types become it when they are gathered.
   */
  private static String value(char kind, int type, String typeName, String column) {
    if (type == Types.ARRAY || type == Types.STRUCT) {
      return "to_jsonb(" + column + ")::text";
    }
    if (kind == 's' && type == Types.TIMESTAMP) {
      return "to_jsonb(" + column + ") #>> '{}'";
    }
    return GATHERED.contains(typeName) ? column : column + "::text";
  }

  /** Arrays and the like become text one by one: gathered, they would be one array. */
  private static String key(String typeName) {
    return ORDERED.contains(typeName) || TEXTS.contains(typeName) ? "t.key" : "t.key::text";
  }

  private static String rising(String typeName) {
    if (TEXTS.contains(typeName)) {
      return "key::text collate \"C\" > lag(key::text) over () collate \"C\"";
    }
    return ORDERED.contains(typeName) ? "key > lag(key) over ()" : "null::boolean";
  }

  private static String quoted(String column) {
    return '"' + column.replace("\"", "\"\"") + '"';
  }

  List<String> names() {
    return names;
  }

  /** One letter for each column: n number, b boolean, j JSON, s string. */
  String kinds() {
    return kinds;
  }

  /**
   * Expressions over a row {@code t} of the query, named c1, c2, …; cast to text they are JSON's.
   */
  String columns() {
    StringBuilder columns = new StringBuilder();
    for (int i = 0; i < expressions.size(); i++) {
      columns.append(", ").append(expressions.get(i)).append(" as c").append(i + 1);
    }
    return columns.toString();
  }

  /** The key of a row {@code t}, which becomes text when it is gathered. */
  String key() {
    return key;
  }

  /**
   * Whether the {@code key} of a row is greater than that of the row before; null where its type
   * has no such order.
   */
  String rising() {
    return rising;
  }
}
