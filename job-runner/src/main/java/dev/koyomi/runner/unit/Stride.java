package dev.koyomi.runner.unit;

/**
 * What became of some jobs of a slice.
 *
 * @param position the jobs before it are committed; the one at it is what the ending speaks of
 */
public record Stride(int position, Ending ending) {
  static Stride reached(int position) {
    return new Stride(position, new Ending.Reached());
  }
}
