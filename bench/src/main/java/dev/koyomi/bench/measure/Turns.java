package dev.koyomi.bench.measure;

import java.util.ArrayList;
import java.util.Collections;
import java.util.Comparator;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Objects;
import java.util.Optional;
import java.util.SequencedMap;
import java.util.function.Function;
import java.util.stream.IntStream;

/** What the entrants reached, taking turns. */
public final class Turns {
  /** The turn to warm up gets this part of the jobs. */
  private static final int WARM_UP = 10;

  /**
   * One of those who take turns.
   *
   * @param usual takes part also where the system property {@code contenders} names nobody
   */
  public record Entrant(String name, boolean usual, int jobs, Part part) {
    public Entrant(String name, int jobs, Part part) {
      this(name, true, jobs, part);
    }
  }

  /** Those that the system property {@code contenders} names, in its order. */
  private static List<Entrant> chosen(List<Entrant> all) {
    String names = System.getProperty("contenders", "");
    if (names.isBlank()) {
      return all.stream().filter(Entrant::usual).toList();
    }
    List<Entrant> chosen = new ArrayList<>();
    for (String name : names.split(",", -1)) {
      chosen.add(
          all.stream()
              .filter(entrant -> entrant.name.equals(name.strip()))
              .findFirst()
              .orElseThrow(
                  () ->
                      new IllegalArgumentException(
                          "-Dcontenders=%s: there is no %s here, but %s"
                              .formatted(names, name, all.stream().map(Entrant::name).toList()))));
    }
    return chosen;
  }

  /** What an entrant does in its turn, from an empty database on. */
  public interface Part {
    Result run(int jobs) throws Exception;
  }

  private final SequencedMap<String, List<Result>> results;

  private Turns(SequencedMap<String, List<Result>> results) {
    this.results = results;
  }

  /**
   * Runs the turns of those who are chosen, one to warm up before, and tells of each as it ends.
   * Every turn begins with another entrant.
   */
  public static Turns take(int turns, List<Entrant> all, Function<Result, String> told)
      throws Exception {
    List<Entrant> entrants = chosen(all);
    SequencedMap<String, List<Result>> results = new LinkedHashMap<>();
    entrants.forEach(entrant -> results.put(entrant.name(), new ArrayList<>()));
    List<Entrant> order = new ArrayList<>(entrants);
    for (int turn = 0; turn <= turns; turn++) {
      for (Entrant entrant : order) {
        boolean warmUp = turn == 0;
        Result result =
            entrant.part().run(warmUp ? Math.ceilDiv(entrant.jobs(), WARM_UP) : entrant.jobs());
        if (!warmUp) {
          results.computeIfAbsent(entrant.name(), _ -> new ArrayList<>()).add(result);
        }
        System.out.printf(
            "%-8s  %-40s  %9s jobs  %s  others %s%n",
            warmUp ? "warm-up" : "turn " + turn,
            entrant.name(),
            "%,d".formatted(result.jobs()),
            result.wrong().map(wrong -> "WRONG: " + wrong).orElseGet(() -> told.apply(result)),
            Report.noise(result.others()));
      }
      Collections.rotate(order, -1);
    }
    System.out.println();
    return new Turns(results);
  }

  public List<String> names() {
    return List.copyOf(results.sequencedKeySet());
  }

  public String first() {
    return results.firstEntry().getKey();
  }

  public List<Result> of(String name) {
    return Objects.requireNonNull(results.get(name), name);
  }

  public double median(String name, int figure) {
    return median(all(name, figure));
  }

  public double lowest(String name, int figure) {
    return Collections.min(all(name, figure));
  }

  public double highest(String name, int figure) {
    return Collections.max(all(name, figure));
  }

  /** This one's figure divided by the other's: the median of the turns. */
  public double multiple(String name, int figure, String other) {
    return medianOfPairs(figure, name, other);
  }

  /** Of these the one that took part with the highest median. */
  public Optional<String> best(List<String> of, int figure) {
    return of.stream()
        .filter(results::containsKey)
        .filter(name -> !Double.isNaN(median(name, figure)))
        .max(Comparator.comparingDouble(name -> median(name, figure)));
  }

  private double medianOfPairs(int figure, String above, String below) {
    List<Double> dividends = all(above, figure);
    List<Double> divisors = all(below, figure);
    return median(
        IntStream.range(0, dividends.size())
            .mapToObj(turn -> dividends.get(turn) / divisors.get(turn))
            .toList());
  }

  /** What was wrong in any turn. */
  public Optional<String> wrong(String name) {
    return of(name).stream().flatMap(result -> result.wrong().stream()).findFirst();
  }

  /** The noisiest turn's cores. */
  public double others(String name) {
    return of(name).stream().mapToDouble(Result::others).max().orElse(Double.NaN);
  }

  private List<Double> all(String name, int figure) {
    return of(name).stream().map(result -> result.figure(figure)).toList();
  }

  static double median(List<Double> figures) {
    List<Double> sorted = figures.stream().sorted().toList();
    int half = sorted.size() / 2;
    return sorted.size() % 2 == 1
        ? sorted.get(half)
        : (sorted.get(half - 1) + sorted.get(half)) / 2;
  }
}
