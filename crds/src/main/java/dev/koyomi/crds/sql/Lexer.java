package dev.koyomi.crds.sql;

import dev.koyomi.crds.sql.SqlText.Statement;
import java.util.ArrayList;
import java.util.List;
import java.util.Locale;
import java.util.Optional;
import java.util.regex.Pattern;

/** Walks once over a text as PostgreSQL's own scanner does, and cuts it into statements. */
final class Lexer {
  /** What is white space to the server: to it, other blanks of Unicode are parts of names. */
  private static final String SPACE = "[ \\t\\n\\r\\f\\x0b]";

  private static final Pattern LEADING = Pattern.compile("^" + SPACE + "++");
  private static final Pattern TRAILING = Pattern.compile("(?<!" + SPACE + ")" + SPACE + "++\\z");

  private final String text;
  private final Scan scan;
  private final List<Statement> statements = new ArrayList<>();
  private int at;

  private final StringBuilder statement = new StringBuilder();
  private final StringBuilder piece = new StringBuilder();
  private final List<String> pieces = new ArrayList<>();
  private final List<String> parameters = new ArrayList<>();
  private String keyword = "";
  private boolean empty = true;
  private final List<String> columns = new ArrayList<>();
  private boolean ordered;

  /** Whether the last token was ORDER outside all parentheses. */
  private boolean afterOrder;

  private int parentheses;
  private int brackets;

  Lexer(String text) {
    this.text = text;
    this.scan = new Scan(text);
  }

  List<Statement> statements() throws SqlProblem {
    while (at < text.length()) {
      next();
    }
    endStatement();
    return statements;
  }

  private void next() throws SqlProblem {
    char here = text.charAt(at);
    if (Scan.space(here)) {
      copyTo(at + 1);
    } else if (text.startsWith("--", at)) {
      copyTo(scan.endOfLine(at));
    } else if (text.startsWith("/*", at)) {
      comment();
    } else if (here == ';' && parentheses == 0) {
      at++;
      endStatement();
    } else {
      empty = false;
      boolean by = afterOrder;
      afterOrder = false;
      token(here, by);
    }
  }

  private void token(char here, boolean afterOrder) throws SqlProblem {
    if (here == '\'') {
      copyTo(endOfQuote(at, false));
    } else if (here == '"') {
      copyTo(endOfQuote(at, false));
    } else if (Scan.startsWord(here)) {
      word(afterOrder);
    } else if (here >= '0' && here <= '9') {
      copyTo(scan.endOfNumber(at));
    } else if (here == '$') {
      dollar();
    } else if (here == ':') {
      colon();
    } else if (here == '?') {
      put("??", "?");
      at++;
    } else {
      nest(here);
      copyTo(at + 1);
    }
  }

  private void word(boolean afterOrder) throws SqlProblem {
    if (JobRows.calledAt(text, at)) {
      jobs();
      return;
    }
    int end = scan.endOfWord(at);
    String word = text.substring(at, end);
    if (keyword.isEmpty()) {
      keyword = word.toUpperCase(Locale.ROOT);
    }
    ordered |= afterOrder && word.equalsIgnoreCase("by");
    this.afterOrder = parentheses == 0 && word.equalsIgnoreCase("order");
    boolean escapes = word.equalsIgnoreCase("e") && end < text.length() && text.charAt(end) == '\'';
    copyTo(end);
    if (escapes) {
      escapes();
    }
  }

  private void jobs() throws SqlProblem {
    Optional<JobRows> rows = JobRows.read(text, at);
    if (rows.isEmpty()) {
      throw problem(
          "koyomi.jobs() of %s needs the columns that it gives: write koyomi.jobs() AS"
              + " job(\"subscriptionId\" bigint, …), each with its type.",
          at);
    }
    put(rows.get().sql(), rows.get().sql());
    columns.addAll(rows.get().columns());
    at = rows.get().end();
  }

  private void dollar() throws SqlProblem {
    int tagEnd = at + 1;
    if (tagEnd < text.length() && Scan.startsWord(text.charAt(tagEnd))) {
      tagEnd = scan.endOfTag(tagEnd);
    }
    if (tagEnd < text.length() && text.charAt(tagEnd) == '$') {
      String tag = text.substring(at, tagEnd + 1);
      int close = text.indexOf(tag, tagEnd + 1);
      if (close < 0) {
        throw problem("The quote " + tag + " of %s has no end: close it with " + tag + ".", at);
      }
      copyTo(close + tag.length());
    } else if (tagEnd == at + 1 && tagEnd < text.length() && Scan.digit(text.charAt(tagEnd))) {
      throw problem("The parameter in %s has no name: write :name instead of $1.", at);
    } else {
      copyTo(at + 1);
    }
  }

  private void colon() {
    int next = at + 1;
    if (text.startsWith("::", at) || text.startsWith(":=", at)) {
      copyTo(at + 2);
    } else if (next < text.length() && Scan.startsWord(text.charAt(next)) && !slice()) {
      int end = scan.endOfTag(next);
      if (!statement.isEmpty() && joins(statement.charAt(statement.length() - 1))) {
        put(" ", " ");
      }
      parameters.add(text.substring(next, end));
      statement.append('?');
      endPiece();
      at = end;
    } else {
      copyTo(next);
    }
  }

  /**
   * What would make another token of the server's parameter, or of the question mark, behind it.
   */
  private static boolean joins(char before) {
    return Scan.continuesWord(before) || before == '?';
  }

  /** Whether the colon stands between the bounds of an array slice, as in {@code a[lo:hi]}. */
  private boolean slice() {
    char before = at == 0 ? ' ' : text.charAt(at - 1);
    return brackets > 0
        && (Scan.continuesWord(before) || before == ')' || before == ']' || before == '"');
  }

  private void nest(char here) {
    switch (here) {
      case '(' -> parentheses++;
      case ')' -> parentheses = Math.max(0, parentheses - 1);
      case '[' -> brackets++;
      case ']' -> brackets = Math.max(0, brackets - 1);
      default -> {}
    }
  }

  private int endOfQuote(int start, boolean escapes) throws SqlProblem {
    int end = scan.endOfQuote(start, escapes);
    if (end < 0) {
      char quote = text.charAt(start);
      throw problem(
          "The quote " + quote + " of %s has no end: close it with " + quote + ".", start);
    }
    return end;
  }

  /** A text with escapes, in one piece for the driver, which sees none in the lines below. */
  private void escapes() throws SqlProblem {
    copyTo(endOfQuote(at, true));
    for (int next = scan.continuation(at); next >= 0; next = scan.continuation(at)) {
      int end = endOfQuote(next, true);
      statement.setLength(statement.length() - 1);
      put(text.substring(next + 1, end), text.substring(at, end));
      at = end;
    }
  }

  /**
   * The driver takes {@code /*}{@code /} for a whole comment, where the server sees one that goes
   * on; one with others in it is left out too.
   */
  private void comment() throws SqlProblem {
    int end = scan.endOfComment(at);
    if (end < 0) {
      throw problem("The comment /* of %s has no end: close it with */.", at);
    }
    String raw = text.substring(at, end);
    put(raw.startsWith("/*/") || raw.indexOf("/*", 2) > 0 ? " " : raw, raw);
    at = end;
  }

  private void endStatement() {
    endPiece();
    if (!empty) {
      pieces.set(0, LEADING.matcher(pieces.getFirst()).replaceFirst(""));
      pieces.set(pieces.size() - 1, TRAILING.matcher(pieces.getLast()).replaceFirst(""));
      statements.add(
          new Statement(stripped(statement), parameters, keyword, pieces, columns, ordered));
    }
    statement.setLength(0);
    pieces.clear();
    parameters.clear();
    keyword = "";
    empty = true;
    columns.clear();
    ordered = false;
    afterOrder = false;
    parentheses = 0;
    brackets = 0;
  }

  private static String stripped(CharSequence statement) {
    return TRAILING.matcher(LEADING.matcher(statement).replaceFirst("")).replaceFirst("");
  }

  private void endPiece() {
    pieces.add(piece.toString());
    piece.setLength(0);
  }

  private void copyTo(int end) {
    String copied = text.substring(at, Math.min(end, text.length()));
    put(copied, copied);
    at += copied.length();
  }

  private void put(String forJdbc, String raw) {
    statement.append(forJdbc);
    piece.append(raw);
  }

  private SqlProblem problem(String sentence, int position) {
    String before = text.substring(0, position);
    long line = before.chars().filter(c -> c == '\n').count() + 1;
    int column = position - before.lastIndexOf('\n');
    return new SqlProblem(sentence.formatted("line " + line + ", column " + column));
  }
}
