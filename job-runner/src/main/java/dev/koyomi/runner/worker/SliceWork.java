package dev.koyomi.runner.worker;

import dev.koyomi.crds.plan.RetryPolicy;
import dev.koyomi.runner.queue.JobFailure;
import dev.koyomi.runner.queue.LeasedSlice;
import dev.koyomi.runner.queue.Permit;
import dev.koyomi.runner.queue.Slices;
import dev.koyomi.runner.unit.Ending;
import dev.koyomi.runner.unit.Stride;
import dev.koyomi.runner.unit.Units;
import java.sql.Connection;
import java.sql.SQLException;
import java.time.Duration;
import java.util.List;
import java.util.Optional;
import java.util.random.RandomGenerator;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;
import org.slf4j.MDC;

/** Works one leased slice, in strides, until it ends, is lost or should be given back. */
final class SliceWork {
  private static final Logger LOG = LoggerFactory.getLogger(SliceWork.class);

  /** A lease is a time slice: after this time the slot looks for better work. */
  static final Duration LOOK = Duration.ofSeconds(2);

  /** Jobs of a stride while other slots have nothing to do. */
  private static final int SHORT_STRIDE = 16;

  /** A permit that would take longer is not waited for with the slice in hand. */
  private static final Duration SHORT_WAIT = Duration.ofMillis(250);

  private static final int UNREACHABLE_IN_A_ROW = 5;

  private static final Ending.Failed SESSION_ENDED =
      new Ending.Failed(
          new JobFailure(
              "SessionLost",
              "the database session ended each of the %d times that the Unit ran for this target; it ends it itself, or the server does for what it asks"
                  .formatted(Breaks.MOST),
              JobFailure.Kind.Dead),
          1,
          true);

  /**
   * What the slots of a process share.
   *
   * @param permits most that are asked for at once
   * @param hands most slots that may work besides one
   */
  record Shared(
      Slices slices,
      RetryPolicy retry,
      RandomGenerator random,
      int batchId,
      PermitSize permits,
      int hands,
      Lookout lookout,
      Progress progress,
      Breaks breaks,
      Hindrance hindrance,
      Duration breaker) {}

  /** How it ended. */
  enum End {
    /** All its jobs are done with. */
    Finished,
    /** The rest is to be given back. */
    GiveBack,
    /** It is somebody else's, or nobody's. */
    Lost,
    /** What the Unit needs cannot be reached: give back, and wait. */
    Breaker
  }

  private final Shared shared;
  private final Connection connection;
  private final Units units;
  private final LeasedSlice slice;
  private final Host host;

  private int at;
  private int end;
  private int permitted;
  private Optional<Permit> permit;
  private int unreachable;

  /** The slot that works it; asked between strides. */
  interface Host {
    boolean closing();

    long nanoTime();

    /** Where a search for other work begins. */
    List<LeasedSlice.Mark> from();

    /** Told after each transaction of a stride. */
    Runnable moved();

    /** A stride begins or has ended; the rest are statements of the queue's own. */
    void unit(boolean works);
  }

  SliceWork(Shared shared, Connection connection, Units units, LeasedSlice slice, Host host) {
    this.shared = shared;
    this.connection = connection;
    this.units = units;
    this.slice = slice;
    this.host = host;
    this.at = slice.position();
    this.end = slice.stop();
    this.permit = slice.permit();
    this.permitted = permit.map(Permit::jobs).orElse(0);
  }

  /** Works; raises when the connection is gone. */
  End run() throws SQLException, InterruptedException {
    long looked = host.nanoTime();
    while (at < end) {
      if (host.closing()) {
        return End.GiveBack;
      }
      int hands = 0;
      if (host.nanoTime() - looked > LOOK.toNanos() || shared.lookout.lookAgainSince(looked)) {
        looked = host.nanoTime();
        Slices.Outlook outlook = shared.slices.outlook(connection, slice, host.from());
        if (outlook.better()) {
          return End.GiveBack;
        }
        hands = outlook.hands();
      }
      hands = Math.min(hands + shared.lookout.idle(), shared.hands);
      if (hands > 0 && !slice.inLane() && end - at > 1 && !split(hands + 1)) {
        return End.Lost;
      }
      if (slice.misfits().contains(at)) {
        Optional<End> over = setAside(() -> shared.slices.park(connection, slice, at));
        if (over.isPresent()) {
          return over.get();
        }
        continue;
      }
      if (permit.isPresent() && permitted == 0 && !newPermit()) {
        return End.GiveBack;
      }
      Optional<End> over = stride();
      if (over.isPresent()) {
        return over.get();
      }
    }
    return End.Finished;
  }

  /** Keeps one piece of the rest for itself; false when the lease is lost. */
  private boolean split(int pieces) throws SQLException {
    Optional<Integer> kept = shared.slices.split(connection, slice, pieces);
    if (kept.isPresent() && kept.get() < end) {
      end = kept.get();
      shared.lookout.announce();
    }
    return kept.isPresent();
  }

  private Optional<End> stride() throws SQLException, InterruptedException {
    if (shared.breaks.failed(slice.id(), at)) {
      return failed(SESSION_ENDED);
    }
    int from = at;
    int to = strideEnd();
    host.unit(true);
    Stride stride =
        units.run(
            new Units.Range(slice, from, to), permit.map(Permit::until).orElse(null), host.moved());
    host.unit(false);
    at = stride.position();
    shared.progress.done(at - from);
    if (at > from || stride.ending() instanceof Ending.Failed) {
      shared.hindrance.gone();
    }
    if (permit.isPresent()) {
      spend(at - from, stride.ending());
    }
    if (!(stride.ending() instanceof Ending.Unreachable)) {
      unreachable = 0;
    }
    return switch (stride.ending()) {
      case Ending.Reached() -> Optional.empty();
      case Ending.Fenced() -> {
        LOG.atDebug()
            .addKeyValue("slice", slice.id())
            .log("the slice is no longer ours; nothing more of it was committed here");
        yield Optional.of(End.Lost);
      }
      case Ending.Disconnected(SQLException cause) -> {
        shared.breaks.ended(slice.id(), at, to);
        throw cause;
      }
      case Ending.Unreachable away -> unreachable(away, to);
      case Ending.Failed failed -> failed(failed);
    };
  }

  /** What began is spent, whatever became of it. */
  private void spend(int worked, Ending ending) {
    int began =
        worked
            + switch (ending) {
              case Ending.Reached() -> 0;
              case Ending.Failed failed -> failed.jobs();
              default -> 1;
            };
    int granted = permit.orElseThrow().jobs();
    if (began == 0) {
      // The permit lapsed before these jobs began.
      shared.permits.used(granted, granted - permitted);
      permitted = 0;
      return;
    }
    permitted = Math.max(0, permitted - began);
    if (permitted == 0) {
      shared.permits.used(granted, granted);
    }
  }

  /** Jobs up to the next that needs to be treated in another way. */
  private int strideEnd() {
    int to = end;
    int from = at;
    to =
        slice.misfits().stream()
            .filter(each -> each > from)
            .findFirst()
            .filter(each -> each < end)
            .orElse(to);
    if (at < slice.position() + slice.suspect() || shared.breaks.oneByOne(slice.id(), at)) {
      to = at + 1;
    }
    if (permit.isPresent()) {
      to = Math.min(to, at + permitted);
    }
    return shared.lookout.idle() > 0 ? Math.min(to, at + SHORT_STRIDE) : to;
  }

  private boolean newPermit() throws SQLException, InterruptedException {
    while (!host.closing()) {
      Permit next =
          shared.slices.permit(
              connection, shared.batchId, Math.min(shared.permits.wanted(), end - at));
      if (next.jobs() > 0) {
        permit = Optional.of(next);
        permitted = next.jobs();
        return true;
      }
      if (next.after().compareTo(SHORT_WAIT) > 0) {
        return false;
      }
      shared.lookout.awaitClose(next.after());
    }
    return false;
  }

  private Optional<End> failed(Ending.Failed failed) throws SQLException {
    for (int job = 0; job < failed.jobs(); job++) {
      JobFailure failure = failed.failure();
      // What no attempt can mend is tried again only where the manifest names it.
      boolean again = failed.retryable() || shared.retry.names(failure.errorClass());
      Optional<Duration> wait =
          again
              ? shared.retry.waitAfter(
                  failure.errorClass(), slice.countedAttempt(at), shared.random.nextDouble())
              : Optional.empty();
      Optional<End> over =
          setAside(
              () ->
                  log(
                      shared.slices.fail(connection, slice, at, failure, wait.orElse(null)),
                      failure,
                      wait));
      if (over.isPresent()) {
        return over;
      }
    }
    return Optional.empty();
  }

  /** The queue hears that the job at the cursor was not done. */
  private interface SettingAside {
    void run() throws SQLException;
  }

  private Optional<End> setAside(SettingAside how) throws SQLException {
    try {
      how.run();
    } catch (SQLException e) {
      if (Slices.FENCED.equals(e.getSQLState())) {
        return Optional.of(End.Lost);
      }
      throw e;
    }
    at++;
    return slice.inLane() ? Optional.of(End.GiveBack) : Optional.empty();
  }

  private void log(String key, JobFailure failure, Optional<Duration> wait) {
    try (var _ = MDC.putCloseable("key", key);
        var _ = MDC.putCloseable("run", Long.toString(slice.run()))) {
      LOG.atWarn()
          .addKeyValue("attempt", slice.attemptOf(at))
          .addKeyValue("class", failure.errorClass())
          .addKeyValue("cause", failure.message())
          .addKeyValue("retryIn", wait.<Object>map(Duration::toString).orElse("never"))
          .log(wait.isPresent() ? "job failed and will be tried again" : "job needs attention");
    }
  }

  private Optional<End> unreachable(Ending.Unreachable away, int to)
      throws SQLException, InterruptedException {
    unreachable++;
    if (unreachable < UNREACHABLE_IN_A_ROW) {
      shared.lookout.awaitClose(shared.breaker.dividedBy(100).multipliedBy(1L << unreachable));
      return Optional.empty();
    }
    unreachable = 0;
    boolean alone = to - at == 1;
    boolean itself = shared.breaks.unreachable(slice.id(), at, to, shared.progress.jobs());
    if (alone && !itself) {
      // Seen once, a later attempt needs no others beside it.
      itself = shared.slices.failedBefore(connection, slice, away.failure().failure().errorClass());
    }
    if (itself) {
      shared.hindrance.gone();
      return alone ? failed(away.failure()) : Optional.empty();
    }
    LOG.atWarn()
        .addKeyValue("cause", away.failure().failure().message())
        .log(
            "what the Unit needs cannot be reached; its jobs go back for now, no attempt is"
                + " counted");
    shared.hindrance.met(away.failure().failure().message());
    // So that a job which is the reason itself does not hold up the others of its portion.
    if (!slice.inLane() && end - at > 1 && !split(2)) {
      return Optional.of(End.Lost);
    }
    return Optional.of(End.Breaker);
  }
}
