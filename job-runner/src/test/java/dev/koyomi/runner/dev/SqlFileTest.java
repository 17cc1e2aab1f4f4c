package dev.koyomi.runner.dev;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.koyomi.runner.testing.TestDatabase;
import java.nio.file.Path;
import java.sql.Connection;
import java.sql.SQLException;
import java.util.List;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.extension.RegisterExtension;

class SqlFileTest {
  @RegisterExtension static final TestDatabase database = new TestDatabase();

  @BeforeEach
  void emptyTable() {
    database
        .jdbi()
        .useHandle(
            handle -> {
              handle.execute("drop schema if exists koyomi_dev cascade");
              handle.execute("drop table if exists noted");
              handle.execute("create table noted (word text)");
            });
  }

  @Test
  void givesTheResultOfEachStatement() throws Exception {
    assertThat(
            run(
                """
                insert into noted values ('a;b'), ('c'); -- two
                select word, length(word) as length, null as nothing from noted order by 1;
                do $$ begin perform 1; end $$;
                """))
        .containsExactly(
            new SqlFile.Result.Touched(2),
            new SqlFile.Result.Rows(
                List.of("word", "length", "nothing"),
                List.of(List.of("a;b", "3", ""), List.of("c", "1", ""))),
            new SqlFile.Result.Touched(0));
  }

  @Test
  void keepsNothingWhenAStatementFails() {
    assertThatThrownBy(() -> run("insert into noted values ('kept?'); select 1 / 0;"))
        .isInstanceOf(SQLException.class);
    assertThat(words()).isEmpty();
  }

  @Test
  void runsTheSameTextOnce() throws Exception {
    assertThat(runOnce("insert into noted values ('once')")).isTrue();
    assertThat(runOnce("insert into noted values ('once')")).isFalse();
    assertThat(runOnce("insert into noted values ('changed')")).isTrue();
    assertThat(words()).containsExactly("once", "changed");
  }

  private static List<SqlFile.Result> run(String sql) throws SQLException {
    try (Connection connection = database.dataSource().getConnection()) {
      return new SqlFile(Path.of("some.sql"), sql).run(connection);
    }
  }

  private static boolean runOnce(String sql) throws SQLException {
    try (Connection connection = database.dataSource().getConnection()) {
      return new SqlFile(Path.of("some.sql"), sql).runOnce(connection);
    }
  }

  private static List<String> words() {
    return database
        .jdbi()
        .withHandle(
            handle -> handle.createQuery("select word from noted").mapTo(String.class).list());
  }
}
