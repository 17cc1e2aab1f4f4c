package dev.koyomi.bench.measure;

/**
 * How much is measured: the system properties {@code jobs} and {@code turns}.
 *
 * @param jobs for the fastest contender; a slow one gets a part of them
 * @param turns counted ones, after one to warm up
 */
public record Sizes(int jobs, int turns) {
  private static final int TURNS = 3;

  public Sizes {
    if (jobs < 1 || turns < 1) {
      throw new IllegalArgumentException(
          "-Djobs=%d -Dturns=%d: at least one of each".formatted(jobs, turns));
    }
  }

  public static Sizes orElse(int jobs) {
    return new Sizes(Integer.getInteger("jobs", jobs), Integer.getInteger("turns", TURNS));
  }
}
