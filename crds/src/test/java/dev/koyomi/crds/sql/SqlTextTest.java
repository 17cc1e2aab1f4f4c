package dev.koyomi.crds.sql;

import static org.assertj.core.api.Assertions.assertThat;

import org.junit.jupiter.api.Test;

class SqlTextTest {
  @Test
  void turnsNamedParametersIntoQuestionMarksInOrder() throws Exception {
    SqlText sql = SqlText.parse("INSERT INTO a VALUES (:x::int, ':no', :y, :x); -- :z\n;");
    assertThat(sql.statements()).hasSize(1);
    SqlText.Statement statement = sql.statements().getFirst();
    assertThat(statement.text()).isEqualTo("INSERT INTO a VALUES (?::int, ':no', ?, ?)");
    assertThat(statement.parameters()).containsExactly("x", "y", "x");
    assertThat(statement.keyword()).isEqualTo("INSERT");
    assertThat(sql.parameters()).containsExactly("x", "y");
  }
}
