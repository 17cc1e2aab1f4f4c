package dev.koyomi.crds.occurrence;

import java.time.LocalDate;
import java.time.LocalDateTime;
import java.util.Arrays;
import java.util.Map;
import java.util.stream.IntStream;
import java.util.stream.Stream;

/**
 * A cron expression that means what the CronJob controller of Kubernetes reads in it: five fields
 * or a macro; when both day-of-month and day-of-week are restricted, either is enough.
 */
public final class Cron {
  /** Pattern of five fields or a macro. */
  public static final String SHAPE =
      "^\\s*(@(yearly|annually|monthly|weekly|daily|midnight|hourly)|[^@\\s]\\S*(\\s+\\S+){4})\\s*$";

  /** What is said about a text of another shape. */
  public static final String SHAPE_SENTENCE =
      "Write five fields (minute hour day-of-month month day-of-week), such as \"0 1 * * *\", or"
          + " one of @yearly, @annually, @monthly, @weekly, @daily, @midnight and @hourly; seconds"
          + " and @every are not known, and a time zone belongs in spec.timeZone.";

  private static final String VALUE = "([0-9]{1,2}|[A-Za-z]{3})";
  private static final String PART = "(\\*|" + VALUE + "(-" + VALUE + ")?)(/[0-9]{1,2})?";
  private static final String FIELD = PART + "(," + PART + ")*";

  /** Pattern of fields made of known symbols, or of a macro. */
  public static final String SYMBOLS = "^\\s*(@[a-z]+|" + FIELD + "(\\s+" + FIELD + "){4})\\s*$";

  /** What is said about fields with others. */
  public static final String SYMBOLS_SENTENCE =
      "A field has numbers, names such as MON, *, ranges such as 1-5, lists such as 1,15 and steps"
          + " such as */10: ?, L, W and # are not known.";

  private static final Map<String, String> MACROS =
      Map.of(
          "@yearly", "0 0 1 1 *",
          "@annually", "0 0 1 1 *",
          "@monthly", "0 0 1 * *",
          "@weekly", "0 0 * * 0",
          "@daily", "0 0 * * *",
          "@midnight", "0 0 * * *",
          "@hourly", "0 * * * *");

  private final String text;
  private final long minutes;
  private final long hours;
  private final long days;
  private final long months;
  private final long weekdays;
  private final boolean eitherDay;
  private final boolean clock;

  private Cron(String text, String[] fields) throws CronProblem {
    this.text = text;
    minutes = Field.MINUTE.bits(fields[0]);
    hours = Field.HOUR.bits(fields[1]);
    days = Field.DAY_OF_MONTH.bits(fields[2]);
    months = Field.MONTH.bits(fields[3]);
    weekdays = Field.DAY_OF_WEEK.bits(fields[4]);
    eitherDay = !star(fields[2]) && !star(fields[4]);
    clock = fields[1].contains("*") || fields[1].contains("/");
  }

  /** Reads five fields or a macro. */
  public static Cron parse(String text) throws CronProblem {
    String stripped = text.strip();
    if (!stripped.matches(SHAPE)) {
      throw new CronProblem(SHAPE_SENTENCE);
    }
    if (!stripped.matches(SYMBOLS)) {
      throw new CronProblem(SYMBOLS_SENTENCE);
    }
    return new Cron(stripped, MACROS.getOrDefault(stripped, stripped).split("\\s+", -1));
  }

  /** The expression, as it goes into a CronJob. */
  public String text() {
    return text;
  }

  /** Whether the hour follows the clock ({@code *} or a step) instead of being fixed. */
  boolean followsClock() {
    return clock;
  }

  boolean fires(LocalDate date) {
    boolean day = has(days, date.getDayOfMonth());
    boolean weekday = has(weekdays, date.getDayOfWeek().getValue() % 7);
    return has(months, date.getMonthValue()) && (eitherDay ? day || weekday : day && weekday);
  }

  /** The times of a day on which it fires, in order. */
  Stream<LocalDateTime> times(LocalDate date) {
    return IntStream.range(0, 24 * 60)
        .filter(minute -> has(hours, minute / 60) && has(minutes, minute % 60))
        .mapToObj(minute -> date.atTime(minute / 60, minute % 60));
  }

  private static boolean has(long bits, int value) {
    return (bits >> value & 1) == 1;
  }

  /** As in Kubernetes, a step above one makes a star a restriction. */
  private static boolean star(String field) {
    return Arrays.stream(field.split(",", -1)).anyMatch(part -> part.matches("\\*(/0?1)?"));
  }

  @Override
  public boolean equals(Object other) {
    return other instanceof Cron cron && cron.text.equals(text);
  }

  @Override
  public int hashCode() {
    return text.hashCode();
  }

  @Override
  public String toString() {
    return text;
  }
}
