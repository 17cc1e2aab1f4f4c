package dev.koyomi.runner.cli;

import java.util.ArrayList;
import java.util.List;
import java.util.stream.Collectors;
import java.util.stream.IntStream;

/**
 * Columns under their headings; numbers to the right. On a terminal the last column is wrapped.
 *
 * @param columns a heading that starts with {@code >} is of a column of numbers
 */
record Table(List<String> columns, List<List<String>> rows) {
  private static final String GAP = "  ";

  /** Less than this for the last column is not worth wrapping for. */
  private static final int LEAST_ROOM = 30;

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
    int before = IntStream.range(0, columns.size() - 1).map(i -> width(i) + GAP.length()).sum();
    int room = screen.width() - before;
    for (List<String> row : rows) {
      if (screen.terminal() && room >= LEAST_ROOM) {
        List<String> lines = Shown.wrapped(row.getLast(), room);
        screen.line(line(withLast(row, lines.getFirst())));
        lines.stream().skip(1).forEach(rest -> screen.line(" ".repeat(before) + rest));
      } else {
        screen.line(line(row));
      }
    }
  }

  private static List<String> withLast(List<String> row, String cell) {
    List<String> cells = new ArrayList<>(row);
    cells.set(cells.size() - 1, cell);
    return cells;
  }

  private String line(List<String> cells) {
    return IntStream.range(0, cells.size())
        .mapToObj(i -> padded(cells.get(i), i))
        .collect(Collectors.joining(GAP))
        .stripTrailing();
  }

  private String padded(String cell, int column) {
    boolean right = columns.get(column).startsWith(">");
    String space = " ".repeat(Math.max(0, width(column) - cell.length()));
    return right ? space + cell : cell + space;
  }

  private int width(int column) {
    return IntStream.concat(
            IntStream.of(columns.get(column).replaceFirst("^>", "").length()),
            rows.stream().mapToInt(row -> row.get(column).length()))
        .max()
        .orElse(0);
  }
}
