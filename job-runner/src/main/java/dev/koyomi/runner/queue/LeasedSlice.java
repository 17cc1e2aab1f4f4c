package dev.koyomi.runner.queue;

import com.fasterxml.jackson.databind.JsonNode;
import java.util.List;
import org.jspecify.annotations.Nullable;

/**
 * Jobs in the hands of one slot, until it has worked them all, gives the rest back or loses the
 * lease.
 *
 * @param lease random token of this lease
 * @param position cursor at the time of the lease
 * @param stop first position that is not part of the slice
 * @param ordinals for a retry the jobs' places in the chunk; null: position and place are the same
 * @param keys keys of the whole chunk
 * @param jobs payloads of the whole chunk
 */
public record LeasedSlice(
    long id,
    long run,
    long lease,
    int attempt,
    int prior,
    int position,
    int stop,
    @Nullable List<Integer> ordinals,
    List<String> keys,
    List<JsonNode> jobs) {

  /** Attempts that count toward the limit: those since a person last had the job retried. */
  public int countedAttempt() {
    return attempt - prior;
  }

  public String key(int at) {
    return keys.get(ordinal(at));
  }

  public JsonNode payload(int at) {
    return jobs.get(ordinal(at));
  }

  private int ordinal(int at) {
    return ordinals == null ? at : ordinals.get(at);
  }
}
