package dev.koyomi.bench.measure;

import java.util.ArrayList;
import java.util.List;
import java.util.Locale;
import java.util.stream.Collectors;
import java.util.stream.IntStream;

/** A table in Markdown under its title, first column to the left, all others to the right. */
public final class Report {
  /** More than this, and the row says more about the neighbours than about the contender. */
  private static final double NOISY = 0.25;

  private static final int FEW = 10;
  private static final int MANY = 1000;

  private final String title;
  private final List<List<String>> lines = new ArrayList<>();
  private final List<String> wrong = new ArrayList<>();

  public Report(String title, String... headings) {
    this.title = title;
    lines.add(List.of(headings));
  }

  /**
   * Whom the figures are divided by.
   *
   * @param heading of the column
   */
  public record Reference(String heading, String name) {
    /** The best of these; nothing where none of them took part. */
    public static List<Reference> best(Turns turns, List<String> of) {
      return turns.best(of, 0).map(name -> new Reference("÷ best peer, " + name, name)).stream()
          .toList();
    }
  }

  /** The table of rates: how many times that of each reference every one of them is. */
  public static Report ofRates(String title, String rate, Turns turns, List<Reference> references) {
    List<String> headings = new ArrayList<>(List.of("", "jobs", rate, "lowest", "highest"));
    references.forEach(reference -> headings.add(reference.heading));
    headings.add("others");
    Report report = new Report(title, headings.toArray(String[]::new));
    for (String name : turns.names()) {
      List<String> cells =
          new ArrayList<>(
              List.of(
                  figure(turns.median(name, 0)),
                  figure(turns.lowest(name, 0)),
                  figure(turns.highest(name, 0))));
      references.forEach(reference -> cells.add(figure(turns.multiple(name, 0, reference.name))));
      report.row(turns, name, cells.toArray(String[]::new));
    }
    return report;
  }

  /** The table of rates with the first entrant as what they are divided by. */
  public static Report ofMultiples(String title, String rate, Turns turns) {
    return ofRates(title, rate, turns, List.of(new Reference("÷ " + turns.first(), turns.first())));
  }

  /** Adds the row of an entrant: its name, its jobs, these cells, and the noise. */
  public void row(Turns turns, String name, String... cells) {
    List<String> line = new ArrayList<>();
    line.add(name);
    line.add("%,d".formatted(turns.of(name).getFirst().jobs()));
    line.addAll(List.of(cells));
    line.add(noise(turns.others(name)));
    turns
        .wrong(name)
        .ifPresent(
            what -> {
              line.set(0, name + " WRONG");
              wrong.add("%s: %s".formatted(name, what));
            });
    lines.add(line);
  }

  /** Prints the table; fails when a row is wrong, as no figure of that run is to be used then. */
  public void print() {
    System.out.println("**" + title + "**");
    System.out.println();
    System.out.println(aligned(lines.getFirst()));
    System.out.println(rule());
    lines.stream().skip(1).forEach(line -> System.out.println(aligned(line)));
    System.out.println();
    if (!wrong.isEmpty()) {
      throw new IllegalStateException("Wrong: " + String.join("; ", wrong));
    }
  }

  /** As many digits as say something: 12,345, 123.4, 12.3, 1.23. */
  public static String figure(double value) {
    if (Double.isNaN(value)) {
      return "-";
    }
    String format = value >= MANY ? "%,.0f" : value >= FEW ? "%,.1f" : value >= 1 ? "%.2f" : "%.3f";
    return String.format(Locale.ROOT, format, value);
  }

  /** The figures of one turn, each with its unit. */
  public static String told(Result result, String... units) {
    return IntStream.range(0, units.length)
        .mapToObj(i -> "%12s %s".formatted(figure(result.figure(i)), units[i]))
        .collect(Collectors.joining("  "));
  }

  static String noise(double cores) {
    return Double.isNaN(cores)
        ? "unknown"
        : String.format(Locale.ROOT, cores > NOISY ? "%.2f *" : "%.2f  ", cores);
  }

  private String aligned(List<String> line) {
    StringBuilder text = new StringBuilder("|");
    for (int column = 0; column < line.size(); column++) {
      String cell = line.get(column);
      String space = " ".repeat(width(column) - cell.length());
      text.append(' ').append(column == 0 ? cell + space : space + cell).append(" |");
    }
    return text.toString();
  }

  private String rule() {
    StringBuilder text = new StringBuilder("|");
    for (int column = 0; column < lines.getFirst().size(); column++) {
      text.append("-".repeat(width(column) + 1)).append(column == 0 ? "-|" : ":|");
    }
    return text.toString();
  }

  private int width(int column) {
    return lines.stream()
        .flatMapToInt(line -> IntStream.of(line.get(column).length()))
        .max()
        .orElse(0);
  }
}
