package dev.koyomi.crds.occurrence;

import java.util.Arrays;
import java.util.Locale;

/** The five fields of a cron expression, each with its range and its names. */
enum Field {
  MINUTE("minute", 0, 59, "", "0 to 59"),
  HOUR("hour", 0, 23, "", "0 to 23"),
  DAY_OF_MONTH("day-of-month", 1, 31, "", "1 to 31"),
  MONTH("month", 1, 12, "JAN,FEB,MAR,APR,MAY,JUN,JUL,AUG,SEP,OCT,NOV,DEC", "1 to 12 or JAN to DEC"),
  DAY_OF_WEEK("day-of-week", 0, 6, "SUN,MON,TUE,WED,THU,FRI,SAT", "0 (Sunday) to 6 or SUN to SAT");

  private final String words;
  private final int min;
  private final int max;
  private final String names;
  private final String allowed;

  Field(String words, int min, int max, String names, String allowed) {
    this.words = words;
    this.min = min;
    this.max = max;
    this.names = names;
    this.allowed = allowed;
  }

  /** The values that the text allows, as bits; the text has the symbols of a field. */
  long bits(String text) throws CronProblem {
    long bits = 0;
    for (String part : text.split(",", -1)) {
      bits |= part(part);
    }
    return bits;
  }

  private long part(String part) throws CronProblem {
    String[] rangeAndStep = part.split("/", -1);
    String[] bounds = rangeAndStep[0].split("-", -1);
    boolean star = bounds[0].equals("*");
    // As in Kubernetes, 5/10 means 5-59/10.
    boolean open = bounds.length == 1 && rangeAndStep.length == 2;
    int from = star ? min : value(bounds[0], part);
    int to = star || open ? max : value(bounds[bounds.length - 1], part);
    int step = rangeAndStep.length == 1 ? 1 : Integer.parseInt(rangeAndStep[1]);
    if (step == 0) {
      throw new CronProblem("The step of \"%s\" is zero: write 1 or more.".formatted(part));
    }
    if (from > to) {
      throw new CronProblem(
          "The range \"%s\" runs backwards: write the smaller %s first, or two ranges with a comma."
              .formatted(part, words));
    }
    long bits = 0;
    for (int i = from; i <= to; i += step) {
      bits |= 1L << i;
    }
    return bits;
  }

  private int value(String word, String part) throws CronProblem {
    int named = Arrays.asList(names.split(",", -1)).indexOf(word.toUpperCase(Locale.ROOT));
    boolean number = Character.isDigit(word.charAt(0));
    int value = number ? Integer.parseInt(word) : named < 0 ? -1 : named + min;
    if (value < min || value > max) {
      throw new CronProblem("\"%s\" is no %s: write %s.".formatted(part, words, allowed));
    }
    return value;
  }
}
