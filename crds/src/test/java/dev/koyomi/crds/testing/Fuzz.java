package dev.koyomi.crds.testing;

import java.util.function.Consumer;
import java.util.function.Function;
import org.quicktheories.QuickTheory;
import org.quicktheories.core.NoGuidance;

/**
 * Tries something with input that nobody would write by hand. The seed is fixed, so that a build is
 * the same build tomorrow: {@code -Dkoyomi.fuzz.seed=random} or a number is another one, {@code
 * -Dkoyomi.fuzz.tries=50} tries fifty times as often.
 */
public final class Fuzz {
  private static final String SEED = System.getProperty("koyomi.fuzz.seed", "20261101");
  private static final int TIMES = Integer.getInteger("koyomi.fuzz.tries", 1);

  private final String what;
  private final int tries;
  private final int shrinks;

  private Fuzz(String what, int tries, int shrinks) {
    this.what = what;
    this.tries = tries;
    this.shrinks = shrinks;
  }

  /**
   * A theory with a name.
   *
   * @param tries as often as a build can afford
   */
  public static Fuzz of(String what, int tries) {
    return new Fuzz(what, tries * TIMES, 2000);
  }

  /** One whose tries take long: fewer are made to find the least that fails. */
  public Fuzz slow() {
    return new Fuzz(what, tries, 30);
  }

  /**
   * Makes input and tries the property on it.
   *
   * @param input made of choices, of which the smaller give what is simpler
   * @param property raises when it does not hold
   */
  public <T> void forAll(Function<Choices, T> input, Consumer<T> property) {
    long seed = SEED.equals("random") ? System.nanoTime() : Long.parseLong(SEED);
    System.out.printf("fuzz: %s, %d tries, -Dkoyomi.fuzz.seed=%d%n", what, tries, seed);
    QuickTheory.qt()
        .withFixedSeed(seed)
        .withExamples(tries)
        .withUnlimitedTestingTime()
        .withShrinkCycles(shrinks)
        .withGuidance(_ -> new NoGuidance())
        .<T>forAll(source -> input.apply(new Choices(source)))
        .checkAssert(property);
  }
}
