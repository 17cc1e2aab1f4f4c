package dev.koyomi.runner.chaos;

import static org.assertj.core.api.Assertions.assertThat;

import dev.koyomi.runner.db.Database;
import dev.koyomi.runner.db.Migration;
import dev.koyomi.runner.dev.LocalPostgres;
import dev.koyomi.runner.testing.SliceChecks;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.sql.SQLException;
import java.time.Duration;
import java.util.List;
import java.util.Map;
import java.util.Random;
import java.util.concurrent.ThreadLocalRandom;
import org.junit.jupiter.api.Test;

/**
 * Random batches, worked by several processes while they are killed, frozen, cut off and asked for
 * everything that people may ask for. The effects have no unique key: a second one would be
 * counted.
 *
 * <p>{@code -Dkoyomi.chaos.seconds=} says how long, {@code -Dkoyomi.chaos.each=} how often each
 * kind of fault must have hit at least (for that it goes on, up to three times as long), {@code
 * -Dkoyomi.chaos.seed=} which: the number that an episode prints plays that episode first.
 */
final class ChaosTest {
  private static final Path FOLDER = Path.of("target", "chaos").toAbsolutePath();
  private static final Duration TIME =
      Duration.ofSeconds(Integer.getInteger("koyomi.chaos.seconds", 20));
  private static final int EACH = Integer.getInteger("koyomi.chaos.each", 0);
  private static final Duration EPISODE = Duration.ofSeconds(45);
  private static final long SEED =
      Long.getLong("koyomi.chaos.seed", ThreadLocalRandom.current().nextInt(1_000_000));

  @Test
  void keepsItsPromisesWhateverHappens() throws Exception {
    System.out.println("chaos: -Dkoyomi.chaos.seed=" + SEED);
    Histogram histogram = new Histogram();
    Files.createDirectories(FOLDER);
    long begin = System.nanoTime();
    int episodes = 0;
    try (LocalPostgres postgres =
        LocalPostgres.start(
            FOLDER.resolve("koyomi"),
            new LocalPostgres.Options(
                true,
                true,
                Map.of("fsync", "off", "log_statement", "none", "deadlock_timeout", "50ms")))) {
      while (episodes == 0 || goesOn(Duration.ofNanos(System.nanoTime() - begin), histogram)) {
        play(postgres, episodes++, histogram);
      }
    }
    System.out.printf(
        "chaos: %d episodes in %d s, no violation; faults that hit work in somebody's hands:%n%s",
        episodes, Duration.ofNanos(System.nanoTime() - begin).toSeconds(), histogram.text());
    assertThat(histogram.total()).isPositive();
    assertThat(histogram.least()).as("hits of the rarest fault").isGreaterThanOrEqualTo(EACH);
    assertThat(histogram.atCommit())
        .as("hits between advance and COMMIT")
        .isGreaterThanOrEqualTo(4L * EACH);
    assertThat(histogram.total()).as("hits").isGreaterThanOrEqualTo(20L * EACH);
  }

  private static boolean goesOn(Duration since, Histogram histogram) {
    return since.compareTo(TIME) < 0
        || (histogram.least() < EACH && since.compareTo(TIME.multipliedBy(3)) < 0);
  }

  /**
   * Takes a guard out, to see that this suite notices: {@code -Dkoyomi.chaos.sabotage=} SQL file.
   */
  private static void sabotage(Database database) throws IOException, SQLException {
    String file = System.getProperty("koyomi.chaos.sabotage", "");
    if (!file.isEmpty()) {
      String sql = Files.readString(Path.of(file));
      database
          .jdbi()
          .useHandle(
              handle -> {
                try (var statement = handle.getConnection().createStatement()) {
                  statement.execute(sql);
                }
              });
    }
  }

  private static void play(LocalPostgres postgres, int number, Histogram histogram)
      throws Exception {
    Random random = new Random(SEED + number);
    Workload workload = Workload.random(random);
    System.out.printf("chaos: episode %d (seed %d): %s%n", number, SEED + number, workload);
    Path manifest = FOLDER.resolve("batch.yaml");
    try (Database database =
        Database.pooled(
            postgres.address(), "chaos", 16, Duration.ofSeconds(5), Duration.ofSeconds(30))) {
      database.jdbi().useHandle(handle -> handle.execute("drop schema if exists koyomi cascade"));
      new Migration(database).run();
      SliceChecks.add(database.jdbi());
      sabotage(database);
      String url = postgres.address().jdbcUrl();
      int port = Integer.parseInt(url.replaceAll(".*:([0-9]+)/.*", "$1"));
      Crowd crowd =
          new Crowd(postgres.address(), port, manifest, FOLDER.resolve("workers.log"), random);
      try (Episode episode =
          new Episode(
              database,
              postgres.address(),
              crowd,
              manifest,
              postgres.folder().resolve("data/koyomi.log"),
              FOLDER.resolve("workers.log"),
              workload,
              histogram,
              random)) {
        List<String> broken = episode.play(EPISODE);
        assertThat(broken)
            .as("episode %d (seed %d): %s", number, SEED + number, workload)
            .isEmpty();
      }
    }
  }
}
