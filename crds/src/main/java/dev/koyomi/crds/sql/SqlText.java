package dev.koyomi.crds.sql;

import java.util.LinkedHashSet;
import java.util.List;
import java.util.Set;

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
   * One statement as JDBC takes it.
   *
   * @param text each parameter is a {@code ?}, each {@code ?} of an operator is doubled
   * @param parameters the names behind the {@code ?}, in order
   * @param keyword first word in capitals, such as INSERT; empty when there is none
   */
  public record Statement(String text, List<String> parameters, String keyword) {
    public Statement {
      parameters = List.copyOf(parameters);
    }
  }
}
