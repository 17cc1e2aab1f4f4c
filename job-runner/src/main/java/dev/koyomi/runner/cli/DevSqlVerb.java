package dev.koyomi.runner.cli;

import dev.koyomi.runner.db.Database;
import dev.koyomi.runner.db.Fault;
import dev.koyomi.runner.dev.LocalPostgres;
import dev.koyomi.runner.dev.SqlFile;
import java.nio.file.Path;
import java.sql.Connection;
import java.sql.SQLException;
import java.util.concurrent.Callable;
import picocli.CommandLine.Command;
import picocli.CommandLine.Parameters;

@Command(
    name = "sql",
    description = "Runs a file of SQL statements on the local database, all or nothing.")
final class DevSqlVerb implements Callable<Integer> {
  private final Surroundings surroundings;

  @Parameters(paramLabel = "FILE", description = "File with SQL; /dev/stdin for what is typed.")
  private Path file = Path.of("");

  DevSqlVerb(Surroundings surroundings) {
    this.surroundings = surroundings;
  }

  @Override
  public Integer call() throws SQLException {
    SqlFile sql = new SqlFile(file, TextFile.read(file));
    if (!LocalPostgres.exists(surroundings.folder())) {
      throw new CommandProblem(
          ExitCode.WRONG,
          "There is no local database yet: `./koyomi dev examples/billing` makes it.");
    }
    try (LocalPostgres postgres =
            LocalPostgres.start(surroundings.folder(), LocalPostgres.Options.shared());
        Database database = Database.direct(postgres.address(), "koyomi dev sql");
        Connection connection = database.dataSource().getConnection()) {
      for (SqlFile.Result result : sql.run(connection)) {
        print(result);
      }
      return ExitCode.DONE;
    } catch (SQLException failed) {
      throw new CommandProblem(
          ExitCode.WRONG,
          "%s: %s Nothing of it was kept."
              .formatted(file, Fault.of(failed).map(Fault::sentence).orElse(failed.toString())));
    }
  }

  private void print(SqlFile.Result result) {
    Screen screen = surroundings.screen();
    switch (result) {
      case SqlFile.Result.Rows(var columns, var rows) -> new Table(columns, rows).print(screen);
      case SqlFile.Result.Touched(long rows) -> screen.line(Shown.rows(rows));
    }
  }
}
