package dev.koyomi.crds.testing;

import java.util.List;
import java.util.function.Supplier;
import java.util.stream.Collectors;
import java.util.stream.Stream;
import org.jspecify.annotations.Nullable;
import org.quicktheories.core.RandomnessSource;
import org.quicktheories.impl.Constraint;

/** The choices that one input is made of. */
public final class Choices {
  private final RandomnessSource source;

  Choices(RandomnessSource source) {
    this.source = source;
  }

  public int from(int least, int most) {
    return (int) source.next(Constraint.between(least, most));
  }

  /** The first is the simplest. */
  @SafeVarargs
  public final <T extends @Nullable Object> T of(T... values) {
    return values[from(0, values.length - 1)];
  }

  public <T extends @Nullable Object> T of(List<T> values) {
    return values.get(from(0, values.size() - 1));
  }

  /** Made by one of these; the first is the simplest. */
  @SafeVarargs
  public final <T> T by(Supplier<? extends T>... ways) {
    return ways[from(0, ways.length - 1)].get();
  }

  /** True once in so many times. */
  public boolean once(int in) {
    return from(1, in) == in;
  }

  public <T> List<T> many(int least, int most, Supplier<T> one) {
    return Stream.generate(one).limit(from(least, most)).toList();
  }

  public String text(int least, int most, Supplier<String> piece) {
    return many(least, most, piece).stream().collect(Collectors.joining());
  }
}
