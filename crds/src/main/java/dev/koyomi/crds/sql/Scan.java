package dev.koyomi.crds.sql;

/** Where what begins somewhere in a text ends, as PostgreSQL's own scanner sees it. */
record Scan(String text) {
  /** Behind the closing quote; negative where there is none. */
  int endOfQuote(int start, boolean escapes) {
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
    return -1;
  }

  /**
   * Where a text goes on in a line below, with the escapes that it began with; negative where it
   * does not.
   */
  int continuation(int end) {
    boolean below = false;
    int i = end;
    while (i < text.length() && (space(text.charAt(i)) || text.startsWith("--", i))) {
      below |= newline(text.charAt(i));
      i = space(text.charAt(i)) ? i + 1 : endOfLine(i);
    }
    return below && i < text.length() && text.charAt(i) == '\'' ? i : -1;
  }

  /** Behind a comment and those within it; negative where it has no end. */
  int endOfComment(int start) {
    int depth = 0;
    for (int i = start; i < text.length(); i++) {
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
    return -1;
  }

  int endOfLine(int start) {
    int end = start;
    while (end < text.length() && !newline(text.charAt(end))) {
      end++;
    }
    return end;
  }

  int endOfWord(int start) {
    int end = start;
    while (end < text.length() && continuesWord(text.charAt(end))) {
      end++;
    }
    return end;
  }

  /** Names of parameters and dollar-quote tags: a word without {@code $}. */
  int endOfTag(int start) {
    int end = start;
    while (end < text.length() && text.charAt(end) != '$' && continuesWord(text.charAt(end))) {
      end++;
    }
    return end;
  }

  int endOfNumber(int start) {
    int end = start;
    while (end < text.length() && (continuesWord(text.charAt(end)) || text.charAt(end) == '.')) {
      end++;
    }
    return end;
  }

  static boolean space(char c) {
    return c == ' ' || c == '\t' || c == '\f' || c == '\u000b' || newline(c);
  }

  private static boolean newline(char c) {
    return c == '\n' || c == '\r';
  }

  static boolean startsWord(char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '_' || c >= '\u0080';
  }

  static boolean continuesWord(char c) {
    return startsWord(c) || digit(c) || c == '$';
  }

  static boolean digit(char c) {
    return c >= '0' && c <= '9';
  }
}
