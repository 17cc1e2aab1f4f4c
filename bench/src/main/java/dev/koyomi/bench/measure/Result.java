package dev.koyomi.bench.measure;

import java.util.List;
import java.util.Optional;

/**
 * What one entrant reached in one turn.
 *
 * @param jobs that it was given
 * @param figures in the order of the benchmark's columns
 * @param others cores that other processes used meanwhile
 * @param wrong what is not as it has to be; the figures count for nothing then
 */
public record Result(int jobs, List<Double> figures, double others, Optional<String> wrong) {
  public Result {
    figures = List.copyOf(figures);
  }

  /** Jobs per second. */
  public static Result rate(int jobs, double seconds, double others, Optional<String> wrong) {
    return new Result(jobs, List.of(jobs / seconds), others, wrong);
  }

  double figure(int index) {
    return wrong.isPresent() ? Double.NaN : figures.get(index);
  }
}
