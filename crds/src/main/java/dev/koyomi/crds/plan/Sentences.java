package dev.koyomi.crds.plan;

import com.fasterxml.jackson.databind.JsonNode;
import java.math.BigDecimal;
import java.util.Collection;
import java.util.List;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import org.jspecify.annotations.Nullable;

/** What is said about any field: each sentence tells what is wrong and what to do. */
final class Sentences {
  private static final int SHOWN = 60;
  private static final int LONGEST_PATH = 200;
  private static final int LONGEST = 600;

  /** Characters that break a line, that nobody sees, or that are half of one. */
  private static final Pattern UNSEEN = Pattern.compile("[\\p{Cc}\\p{Cf}\\p{Cs}\\p{Zl}\\p{Zp}]");

  private Sentences() {}

  /** A sentence in one line, whatever names and values of the user it has in it. */
  static String line(String sentence) {
    String seen = seen(sentence);
    return seen.length() <= LONGEST
        ? seen
        : seen.substring(0, LONGEST / 2) + "… …" + seen.substring(seen.length() - LONGEST / 2);
  }

  static String path(String field) {
    String seen = seen(field);
    return seen.length() <= LONGEST_PATH ? seen : seen.substring(0, LONGEST_PATH) + "…";
  }

  private static String seen(String text) {
    return UNSEEN
        .matcher(text)
        .replaceAll(
            unseen -> Matcher.quoteReplacement("\\u%04x".formatted(unseen.group().codePointAt(0))));
  }

  static String unknownField(String name, Collection<String> known) {
    if (name.equals("true") && known.contains("on")) {
      return "YAML takes on without quotes for true: write \"on\", with quotes.";
    }
    return "There is no field \"%s\": %s"
        .formatted(
            name.length() > SHOWN ? name.substring(0, SHOWN) + "…" : name,
            NearestName.of(name, known)
                .map(near -> "did you mean \"" + near + "\"?")
                .orElse("take it out, or use one of " + String.join(", ", known) + "."));
  }

  /** The first sentence of what the field is goes into brackets. */
  static String missing(String name, String what) {
    String first = what.split("(?<=[.;])\\s", 2)[0].replaceFirst("[.;]$", "");
    return "\"%s\" is missing: write it (%s).".formatted(name, first);
  }

  static String wrongType(JsonNode given, String expected, @Nullable String example) {
    return "%s is not %s: write %s%s."
        .formatted(shown(given), expected, expected, example == null ? "" : ", such as " + example);
  }

  /** YAML takes {@code 8080} and {@code no} for a number and a boolean. */
  static String notText(JsonNode given, @Nullable String example) {
    return example == null && given.isValueNode()
        ? "%s is not a text: put the value in quotes.".formatted(shown(given))
        : wrongType(given, "a text", example);
  }

  /** PostgreSQL and Kubernetes keep texts in UTF-8, and PostgreSQL none with U+0000. */
  static String notStored(int character) {
    return "The character U+%04X cannot be stored in a text: take it out.".formatted(character);
  }

  static String notAllowed(JsonNode given, List<String> allowed) {
    return "%s is not allowed: write %s.".formatted(shown(given), String.join(" or ", allowed));
  }

  static String outOfRange(JsonNode given, double min, double max) {
    return "%s is out of range: write a number from %s to %s."
        .formatted(shown(given), plain(min), plain(max));
  }

  static String empty(String name) {
    return "\"%s\" is empty: write it.".formatted(name);
  }

  static String tooMany(int count, long max, String what) {
    return "There are %d %s, and at most %d are allowed: take some out."
        .formatted(count, what, max);
  }

  static String taken(String name, String by) {
    return "\"%s\" is the name of %s already: choose another.".formatted(name, by);
  }

  static String shown(JsonNode given) {
    if (given.isObject()) {
      return "An object";
    }
    if (given.isArray()) {
      return "A list";
    }
    String text = given.toString();
    return text.length() > SHOWN ? text.substring(0, SHOWN) + "…\"" : text;
  }

  private static String plain(double number) {
    return BigDecimal.valueOf(number).stripTrailingZeros().toPlainString();
  }
}
