package dev.koyomi.crds.sql;

import java.util.LinkedHashSet;
import java.util.List;
import java.util.Set;
import java.util.function.Function;

/**
 * SQL with named parameters ({@code :name}), taken apart into its statements.
 *
 * @param text what the user wrote
 * @param statements the statements in order; those without a word in them are left out
 */
public record SqlText(String text, List<Statement> statements) {
  public SqlText {
    statements = List.copyOf(statements);
  }

  /** Takes the text apart; quotes, dollar quotes, comments and casts are left as they are. */
  public static SqlText parse(String text) throws SqlProblem {
    return new SqlText(text, new Lexer(text).statements());
  }

  /** Names of all parameters, in the order of their first use. */
  public Set<String> parameters() {
    Set<String> names = new LinkedHashSet<>();
    statements.forEach(statement -> names.addAll(statement.parameters()));
    return names;
  }

  /**
   * Names of all that a job must bring: the parameters, and the columns that are read from {@code
   * koyomi.jobs()}; in the order of their first use.
   */
  public Set<String> needed() {
    Set<String> names = new LinkedHashSet<>();
    for (Statement statement : statements) {
      names.addAll(statement.parameters());
      names.addAll(statement.columns());
    }
    return names;
  }

  /** Whether a statement reads its jobs from {@code koyomi.jobs()}. */
  public boolean usesJobs() {
    return statements.stream().anyMatch(Statement::usesJobs);
  }

  /**
   * One statement, for JDBC and for a server without parameters. Where the user reads from {@code
   * koyomi.jobs()}, a sub-select over {@code koyomi.column(name)} stands in both.
   *
   * @param text as JDBC takes it: each parameter is a {@code ?}, each {@code ?} of an operator is
   *     doubled
   * @param parameters the names behind the {@code ?}, in order
   * @param keyword first word in capitals, such as INSERT; empty when there is none
   * @param pieces as the user wrote it: what stands before, between and after the parameters
   * @param columns names of those that it reads from {@code koyomi.jobs()}; empty: it does not
   * @param ordered whether it has ORDER BY outside all parentheses
   */
  public record Statement(
      String text,
      List<String> parameters,
      String keyword,
      List<String> pieces,
      List<String> columns,
      boolean ordered) {
    public Statement {
      parameters = List.copyOf(parameters);
      pieces = List.copyOf(pieces);
      columns = List.copyOf(columns);
      if (pieces.size() != parameters.size() + 1) {
        throw new IllegalArgumentException(
            "%d parameters part a statement into %d pieces, not %d."
                .formatted(parameters.size(), parameters.size() + 1, pieces.size()));
      }
    }

    /** Whether it reads its jobs from {@code koyomi.jobs()}. */
    public boolean usesJobs() {
      return !columns.isEmpty();
    }

    /**
     * The statement as the user wrote it, with something else in the place of each parameter.
     *
     * @param parameter gives what stands for the parameter of a name
     */
    public String rendered(Function<String, String> parameter) {
      StringBuilder rendered = new StringBuilder(pieces.getFirst());
      for (int i = 0; i < parameters.size(); i++) {
        rendered.append(parameter.apply(parameters.get(i))).append(pieces.get(i + 1));
      }
      return rendered.toString();
    }
  }
}
