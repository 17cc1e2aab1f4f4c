package dev.koyomi.crds.sql;

import dev.koyomi.crds.sql.SqlText.Statement;
import java.util.ArrayList;
import java.util.List;
import java.util.Locale;
import java.util.Optional;

/** Walks once over a text as PostgreSQL's own scanner does, and cuts it into statements. */
final class Lexer {
  private final String text;
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
    if (Character.isWhitespace(here)) {
      copyTo(at + 1);
    } else if (text.startsWith("--", at)) {
      copyTo(endOfLine());
    } else if (text.startsWith("/*", at)) {
      copyTo(endOfComment());
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
    } else if (startsWord(here)) {
      word(afterOrder);
    } else if (here >= '0' && here <= '9') {
      copyTo(endOfNumber());
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
    int end = endOfWord(at);
    String word = text.substring(at, end);
    if (keyword.isEmpty()) {
      keyword = word.toUpperCase(Locale.ROOT);
    }
    ordered |= afterOrder && word.equalsIgnoreCase("by");
    this.afterOrder = parentheses == 0 && word.equalsIgnoreCase("order");
    boolean escapes = word.equalsIgnoreCase("e") && end < text.length() && text.charAt(end) == '\'';
    copyTo(escapes ? endOfQuote(end, true) : end);
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
    if (tagEnd < text.length() && startsWord(text.charAt(tagEnd))) {
      tagEnd = endOfTag(tagEnd);
    }
    if (tagEnd < text.length() && text.charAt(tagEnd) == '$') {
      String tag = text.substring(at, tagEnd + 1);
      int close = text.indexOf(tag, tagEnd + 1);
      if (close < 0) {
        throw problem("The quote " + tag + " of %s has no end: close it with " + tag + ".", at);
      }
      copyTo(close + tag.length());
    } else if (tagEnd == at + 1 && tagEnd < text.length() && digit(text.charAt(tagEnd))) {
      throw problem("The parameter in %s has no name: write :name instead of $1.", at);
    } else {
      copyTo(at + 1);
    }
  }

  private void colon() {
    int next = at + 1;
    if (text.startsWith("::", at) || text.startsWith(":=", at)) {
      copyTo(at + 2);
    } else if (next < text.length() && startsWord(text.charAt(next)) && !slice()) {
      int end = endOfTag(next);
      parameters.add(text.substring(next, end));
      statement.append('?');
      endPiece();
      at = end;
    } else {
      copyTo(next);
    }
  }

  /** Whether the colon stands between the bounds of an array slice, as in {@code a[lo:hi]}. */
  private boolean slice() {
    char before = at == 0 ? ' ' : text.charAt(at - 1);
    return brackets > 0
        && (continuesWord(before) || before == ')' || before == ']' || before == '"');
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
    char quote = text.charAt(start);
    for (int i = start + 1; i < text.length(); i++) {
      char c = text.charAt(i);
      if (escapes && c == '\\') {
        i++;
      } else if (c == quote && i + 1 < text.length() && text.charAt(i + 1) == quote) {
        i++;
      } else if (c == quote) {
        return i + 1;
      }
    }
    throw problem("The quote " + quote + " of %s has no end: close it with " + quote + ".", start);
  }

  private int endOfComment() throws SqlProblem {
    int depth = 0;
    for (int i = at; i < text.length(); i++) {
      if (text.startsWith("/*", i)) {
        depth++;
        i++;
      } else if (text.startsWith("*/", i)) {
        depth--;
        i++;
        if (depth == 0) {
          return i + 1;
        }
      }
    }
    throw problem("The comment /* of %s has no end: close it with */.", at);
  }

  private int endOfLine() {
    int end = text.indexOf('\n', at);
    return end < 0 ? text.length() : end;
  }

  private int endOfWord(int start) {
    int end = start;
    while (end < text.length() && continuesWord(text.charAt(end))) {
      end++;
    }
    return end;
  }

  /** Names of parameters and dollar-quote tags: a word without {@code $}. */
  private int endOfTag(int start) {
    int end = start;
    while (end < text.length() && text.charAt(end) != '$' && continuesWord(text.charAt(end))) {
      end++;
    }
    return end;
  }

  private int endOfNumber() {
    int end = at;
    while (end < text.length() && (continuesWord(text.charAt(end)) || text.charAt(end) == '.')) {
      end++;
    }
    return end;
  }

  private void endStatement() {
    endPiece();
    if (!empty) {
      pieces.set(0, pieces.getFirst().stripLeading());
      pieces.set(pieces.size() - 1, pieces.getLast().stripTrailing());
      statements.add(
          new Statement(
              statement.toString().strip(), parameters, keyword, pieces, columns, ordered));
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

  private static boolean startsWord(char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '_' || c >= '\u0080';
  }

  private static boolean continuesWord(char c) {
    return startsWord(c) || digit(c) || c == '$';
  }

  private static boolean digit(char c) {
    return c >= '0' && c <= '9';
  }
}
