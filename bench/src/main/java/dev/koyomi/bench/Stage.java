package dev.koyomi.bench;

import dev.koyomi.bench.contender.Billing;
import dev.koyomi.bench.contender.Contender;
import dev.koyomi.bench.contender.Entry;
import dev.koyomi.bench.contender.Unit;
import dev.koyomi.bench.contender.Work;
import dev.koyomi.bench.measure.Noise;
import dev.koyomi.bench.measure.Report;
import dev.koyomi.bench.measure.Result;
import dev.koyomi.bench.measure.Server;
import dev.koyomi.bench.measure.Sizes;
import dev.koyomi.bench.measure.Turns;
import dev.koyomi.runner.settings.DatabaseAddress;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;
import java.util.function.Function;

/** One contender alone in a new database, for one part. */
record Stage(Server server, DatabaseAddress database, Contender contender)
    implements AutoCloseable {

  /** What a contender does in its turn. */
  interface Part {
    Result run(Stage stage, int jobs) throws Exception;
  }

  static Stage open(Server server, Entry entry) throws Exception {
    DatabaseAddress database = server.freshDatabase();
    return new Stage(server, database, entry.maker().prepare(database));
  }

  /** All contenders in turns, each part on a stage of its own. */
  static Turns turns(Server server, Sizes sizes, Part part, Function<Result, String> told)
      throws Exception {
    return Turns.take(sizes.turns(), entrants(server, sizes, part), told);
  }

  static List<Turns.Entrant> entrants(Server server, Sizes sizes, Part part) {
    return Entry.ALL.stream()
        .map(
            entry ->
                new Turns.Entrant(
                    entry.title(),
                    entry.role() != Entry.Role.VARIANT,
                    entry.jobs(sizes.jobs()),
                    jobs -> {
                      try (Stage stage = open(server, entry)) {
                        return part.run(stage, jobs);
                      }
                    }))
        .toList();
  }

  /** The table of rates beside the best peer, and beside others that are no peers. */
  static Report ofRates(String title, String rate, Turns turns, Report.Reference... more) {
    List<Report.Reference> references =
        new ArrayList<>(Report.Reference.best(turns, Entry.peers()));
    references.addAll(List.of(more));
    return Report.ofRates(title, rate, turns, references);
  }

  /** The unit that this contender's workers will run, and the tables that it needs. */
  Unit unit(Work work, int jobs) throws Exception {
    switch (work) {
      case NOOP, START -> {}
      case INVOICE -> Billing.create(database, jobs);
    }
    return Unit.open(work, jobs, database, contender.connections());
  }

  /** Leaves the server without a debt of earlier parts, and counts the noise from now on. */
  Noise quiet() throws Exception {
    server.settle();
    return server.noise();
  }

  /** What is wrong when so many jobs have been stored. */
  Optional<String> wrongStored(int jobs) throws Exception {
    long left = contender.left();
    return left == jobs
        ? Optional.empty()
        : Optional.of("%d of %d jobs are stored".formatted(left, jobs));
  }

  @Override
  public void close() throws Exception {
    contender.close();
  }
}
