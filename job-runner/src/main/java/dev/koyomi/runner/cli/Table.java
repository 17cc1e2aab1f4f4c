package dev.koyomi.runner.cli;

import java.util.ArrayList;
import java.util.List;
import java.util.stream.Collectors;
import java.util.stream.IntStream;

/**
 * Columns under their headings; numbers to the right.
 *
 * @param columns a heading that starts with {@code >} is of a column of numbers
 */
record Table(List<String> columns, List<List<String>> rows) {
  private static final String GAP = "  ";

  Table {
    columns = List.copyOf(columns);
    rows = List.copyOf(rows);
  }

  Table(List<String> columns) {
    this(columns, List.of());
  }

  Table with(String... cells) {
    List<List<String>> more = new ArrayList<>(rows);
    more.add(List.of(cells));
    return new Table(columns, more);
  }

  void print(Screen screen) {
    List<String> headings = columns.stream().map(each -> each.replaceFirst("^>", "")).toList();
    screen.line(screen.in(Screen.Tone.FAINT, line(headings)));
    rows.forEach(row -> screen.line(line(row)));
  }

  private String line(List<String> cells) {
    return IntStream.range(0, cells.size())
        .mapToObj(i -> padded(cells.get(i), i))
        .collect(Collectors.joining(GAP))
        .stripTrailing();
  }

  private String padded(String cell, int column) {
    boolean right = columns.get(column).startsWith(">");
    int width =
        IntStream.concat(
                IntStream.of(columns.get(column).length() - (right ? 1 : 0)),
                rows.stream().mapToInt(row -> row.get(column).length()))
            .max()
            .orElse(0);
    String space = " ".repeat(width - cell.length());
    return right ? space + cell : cell + space;
  }
}
