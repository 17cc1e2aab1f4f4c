package dev.koyomi.crds.sql;

import java.util.ArrayList;
import java.util.List;
import java.util.Locale;
import java.util.Optional;
import java.util.function.IntFunction;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import java.util.stream.Collectors;
import java.util.stream.IntStream;

/**
 * A call of {@code koyomi.jobs()} with its alias and columns, as in {@code koyomi.jobs() AS
 * job("subscriptionId" bigint)}, and what the server gets in its place: one array for each column.
 *
 * @param end behind the closing parenthesis of the columns
 * @param columns names as the server has them
 * @param sql a sub-select with the same alias
 */
record JobRows(int end, List<String> columns, String sql) {
  private static final String GAP = "(?:\\s++|--[^\\n\\r]*+|/\\*[^*]*+(?:\\*(?!/)[^*]*+)*+\\*/)*+";
  private static final String QUOTED = "\"(?:[^\"]++|\"\")*+\"";
  private static final String NAME =
      QUOTED + "|[a-zA-Z_\\x80-\\x{10ffff}][\\w$\\x80-\\x{10ffff}]*+";

  private static final Pattern CALL =
      Pattern.compile("koyomi\\s*\\.\\s*jobs\\s*\\(\\s*\\)", Pattern.CASE_INSENSITIVE);

  private static final Pattern ALIAS =
      Pattern.compile(
          "%1$s(?:(?i:as)(?![\\w$])%1$s)?+(?!(?i:as)(?![\\w$]))(%2$s)%1$s\\(".formatted(GAP, NAME));

  /** A name, a type with its parentheses and brackets, and what ends both. */
  private static final Pattern COLUMN =
      Pattern.compile(
          "%1$s(%2$s)((?:[\\w$.\\s\\x80-\\x{10ffff}]++|%3$s|\\([\\w\\s,]*+\\)|\\[\\s*+\\d*+\\s*+]|--[^\\n\\r]*+|/\\*[^*]*+(?:\\*(?!/)[^*]*+)*+\\*/)++)([,)])"
              .formatted(GAP, NAME, QUOTED));

  /** Other letters are left as they are (PostgreSQL's {@code downcase_identifier}, in UTF-8). */
  private static final Pattern ASCII_CAPITAL = Pattern.compile("[A-Z]");

  private static final Pattern COMMENT =
      Pattern.compile("(%s)|--[^\\n\\r]*+|/\\*[^*]*+(?:\\*(?!/)[^*]*+)*+\\*/".formatted(QUOTED));

  JobRows {
    columns = List.copyOf(columns);
  }

  /** Whether the call stands here, whatever follows it. */
  static boolean calledAt(String text, int at) {
    return CALL.matcher(text).region(at, text.length()).lookingAt();
  }

  /** Reads the call here; empty when its columns are not given. */
  static Optional<JobRows> read(String text, int at) {
    Matcher call = CALL.matcher(text).region(at, text.length());
    if (!call.lookingAt()) {
      return Optional.empty();
    }
    Matcher alias = ALIAS.matcher(text).region(call.end(), text.length());
    if (!alias.lookingAt()) {
      return Optional.empty();
    }
    List<String> names = new ArrayList<>();
    List<String> types = new ArrayList<>();
    Matcher column = COLUMN.matcher(text);
    int next = alias.end();
    do {
      column.region(next, text.length());
      if (!column.lookingAt()) {
        return Optional.empty();
      }
      String type = withoutComments(column.group(2)).strip();
      if (type.isEmpty()) {
        return Optional.empty();
      }
      names.add(folded(column.group(1)));
      types.add(type);
      next = column.end();
    } while (column.group(3).equals(","));
    return Optional.of(new JobRows(next, names, sql(alias.group(1), names, types)));
  }

  private static String withoutComments(String type) {
    return COMMENT
        .matcher(type)
        .replaceAll(
            found -> found.group(1) == null ? " " : Matcher.quoteReplacement(found.group(1)));
  }

  /** The name as PostgreSQL folds it. */
  private static String folded(String name) {
    return name.startsWith("\"")
        ? name.substring(1, name.length() - 1).replace("\"\"", "\"")
        : ASCII_CAPITAL
            .matcher(name)
            .replaceAll(capital -> capital.group().toLowerCase(Locale.ROOT));
  }

  private static String sql(String alias, List<String> names, List<String> types) {
    return "(select %s from unnest(%s) as u(%s)) AS %s"
        .formatted(
            each(
                names,
                i ->
                    "c%d::%s as \"%s\""
                        .formatted(i + 1, types.get(i), names.get(i).replace("\"", "\"\""))),
            each(names, i -> "koyomi.column('%s')".formatted(names.get(i).replace("'", "''"))),
            each(names, i -> "c" + (i + 1)),
            alias);
  }

  private static String each(List<String> names, IntFunction<String> text) {
    return IntStream.range(0, names.size()).mapToObj(text).collect(Collectors.joining(", "));
  }
}
