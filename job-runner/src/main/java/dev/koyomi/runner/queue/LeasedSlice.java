package dev.koyomi.runner.queue;

import java.time.OffsetDateTime;
import java.util.List;
import java.util.Optional;
import org.jspecify.annotations.Nullable;

/**
 * Jobs in the hands of one slot, until it has worked them all, gives the rest back or loses the
 * lease.
 *
 * @param lease random token of this lease
 * @param position cursor at the time of the lease
 * @param stop first position that is not part of the slice
 * @param inLane jobs of an ordered batch: one that fails holds those behind it
 * @param suspect so many jobs from the cursor on are worked one by one, for a worker may have died
 *     of one of them
 * @param misfits positions of jobs whose payload lacks what the Unit needs, ascending
 * @param permit what the batch's rate allows; empty: it has none
 * @param values keys and parameters by position; null where the Unit reads them on the server
 */
public record LeasedSlice(
    long id,
    long run,
    long lease,
    int attempt,
    int prior,
    int position,
    int stop,
    boolean inLane,
    int suspect,
    List<Integer> misfits,
    Optional<Permit> permit,
    Mark mark,
    @Nullable Values values) {
  public LeasedSlice {
    misfits = List.copyOf(misfits);
  }

  /** Which attempt of its job this is; behind the cursor, a lane holds only jobs never tried. */
  public int attemptOf(int at) {
    return inLane && at > position ? 1 : attempt;
  }

  /** Attempts that count toward the limit: those since a person last had the job retried. */
  public int countedAttempt(int at) {
    return inLane && at > position ? 1 : attempt - prior;
  }

  /**
   * What the Unit gets, of the whole slice by position.
   *
   * @param parameters one list for each parameter of the Unit, in the order in which they were
   *     asked for
   */
  public record Values(List<String> keys, List<List<@Nullable String>> parameters) {}

  /** Where the slice stood in its class's order, for the next search. */
  public record Mark(int priority, OffsetDateTime due, long id) {}
}
