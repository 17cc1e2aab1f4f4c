package dev.koyomi.crds.plan;

import java.math.BigDecimal;
import java.util.Map;
import java.util.Optional;
import java.util.regex.Pattern;

/** Quantities as Kubernetes writes them: a number, with a decimal or binary unit or an exponent. */
final class Quantities {
  private static final Pattern QUANTITY =
      Pattern.compile(
          "\\+?([0-9]+\\.?[0-9]*|\\.[0-9]+)([eE][+-]?[0-9]{1,2}|[KMGTPE]i|[numkMGTPE])?");
  private static final Map<String, Integer> DECIMAL =
      Map.of("n", -9, "u", -6, "m", -3, "k", 3, "M", 6, "G", 9, "T", 12, "P", 15, "E", 18);
  private static final String BINARY = "KMGTPE";

  /** Of the text; reading a number takes the square of its length. */
  private static final int LONGEST = 100;

  private Quantities() {}

  /**
   * Bytes as a quantity, one text for each: in the largest binary unit that gives a whole number.
   */
  static String ofBytes(long bytes) {
    int power = Math.min(Long.numberOfTrailingZeros(bytes) / 10, BINARY.length());
    return bytes == 0 || power == 0
        ? Long.toString(bytes)
        : (bytes >> (10 * power)) + BINARY.substring(power - 1, power) + "i";
  }

  /** The amount; empty when the text is no quantity or a negative one. */
  static Optional<BigDecimal> amount(String text) {
    var parts = QUANTITY.matcher(text);
    if (text.length() > LONGEST || !parts.matches()) {
      return Optional.empty();
    }
    BigDecimal number = new BigDecimal(parts.group(1));
    String unit = parts.group(2);
    if (unit == null) {
      return Optional.of(number);
    }
    if (unit.endsWith("i")) {
      int power = BINARY.indexOf(unit.charAt(0)) + 1;
      return Optional.of(number.multiply(BigDecimal.valueOf(1024).pow(power)));
    }
    Integer exponent = DECIMAL.get(unit);
    return Optional.of(
        number.scaleByPowerOfTen(
            exponent == null ? Integer.parseInt(unit.substring(1)) : exponent));
  }
}
