package dev.koyomi.crds.occurrence;

import java.util.Arrays;
import java.util.List;
import java.util.Locale;

/** The five fields of a cron expression, each with its range and its names. */
enum Field {
  MINUTE("minute", 0, 59, ""),
  HOUR("hour", 0, 23, ""),
  DAY_OF_MONTH("day-of-month", 1, 31, ""),
  MONTH("month", 1, 12, "JAN,FEB,MAR,APR,MAY,JUN,JUL,AUG,SEP,OCT,NOV,DEC"),
  DAY_OF_WEEK("day-of-week", 0, 6, "SUN,MON,TUE,WED,THU,FRI,SAT");

  private final String words;
  private final int min;
  private final int max;
  private final String names;

  Field(String words, int min, int max, String names) {
    this.words = words;
    this.min = min;
    this.max = max;
    this.names = names;
  }

  /** The values that the text allows, as bits. */
  long bits(String text) throws CronProblem {
    long bits = 0;
    for (String part : text.split(",", -1)) {
      bits |= part(text, part);
    }
    return bits;
  }

  private long part(String text, String part) throws CronProblem {
    String[] rangeAndStep = part.split("/", -1);
    String[] bounds = rangeAndStep[0].split("-", -1);
    if (rangeAndStep.length > 2 || bounds.length > 2) {
      throw problem(text, part);
    }
    boolean star = rangeAndStep[0].equals("*");
    boolean open = bounds.length == 1 && rangeAndStep.length == 2;
    int from = star ? min : value(text, part, bounds[0]);
    int to = star || open ? max : value(text, part, bounds[bounds.length - 1]);
    int step = rangeAndStep.length == 1 ? 1 : step(text, part, rangeAndStep[1]);
    if (from > to) {
      throw new CronProblem(
          "The %s \"%s\" runs backwards: write the smaller number first, or two ranges with a comma."
              .formatted(words, part));
    }
    long bits = 0;
    for (int i = from; i <= to; i += step) {
      bits |= 1L << i;
    }
    return bits;
  }

  private int value(String text, String part, String word) throws CronProblem {
    int named = names().indexOf(word.toUpperCase(Locale.ROOT));
    int value = named >= 0 ? named + min : word.matches("[0-9]{1,4}") ? Integer.parseInt(word) : -1;
    if (value < min || value > max) {
      throw problem(text, part);
    }
    return value;
  }

  private int step(String text, String part, String word) throws CronProblem {
    if (!word.matches("[0-9]{1,4}") || Integer.parseInt(word) == 0) {
      throw problem(text, part);
    }
    return Integer.parseInt(word);
  }

  private List<String> names() {
    return Arrays.asList(names.split(",", -1));
  }

  private CronProblem problem(String text, String part) {
    return new CronProblem(
        "\"%s\" is no %s: write %d to %d%s, * or */n, with - for a range and , for a list."
            .formatted(
                part.isEmpty() ? text : part,
                words,
                min,
                max,
                names.isEmpty() ? "" : " or " + names().getFirst() + " to " + names().getLast()));
  }
}
