package dev.koyomi.runner.chaos;

import dev.koyomi.crds.plan.Manifests;
import dev.koyomi.crds.plan.Planned;
import dev.koyomi.crds.plan.Planner;
import dev.koyomi.runner.db.Database;
import dev.koyomi.runner.settings.DatabaseAddress;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.time.LocalDate;

/** A trigger process to be killed and frozen while it selects. */
final class ChaosTrigger {
  private ChaosTrigger() {}

  /** What its sessions are called. */
  static String name(String day) {
    return "chaos trigger process " + day;
  }

  /** Arguments: JDBC URL, user, password, manifest, day. */
  public static void main(String[] arguments) throws Exception {
    Planned.Valid batch =
        (Planned.Valid)
            Planner.plan(Manifests.read(Files.readString(Path.of(arguments[3]))).getFirst());
    try (Database database =
        Database.pooled(
            new DatabaseAddress(arguments[0], arguments[1], arguments[2]),
            name(arguments[4]),
            3,
            Duration.ofSeconds(2),
            Duration.ofSeconds(30))) {
      Firings.fire(database, batch, LocalDate.parse(arguments[4]));
    }
  }
}
