package dev.koyomi.operator.desired;

import java.math.BigDecimal;
import java.math.RoundingMode;
import java.util.List;
import java.util.regex.Matcher;
import java.util.regex.Pattern;

/**
 * A quantity in the form that the API server stores ({@code 1000m} is {@code 1}, {@code 1.5Gi} is
 * {@code 1536Mi}): any other form would differ from what is stored for ever. The rules are those of
 * apimachinery's {@code resource.Quantity}.
 */
final class CanonicalQuantity {
  private static final Pattern QUANTITY =
      Pattern.compile(
          "([+-]?(?:[0-9]+\\.?[0-9]*|\\.[0-9]+))(?:([KMGTPE]i)|([numkMGTPE])|([eE][+-]?[0-9]+))?");
  private static final List<String> BINARY = List.of("", "Ki", "Mi", "Gi", "Ti", "Pi", "Ei");
  private static final List<String> DECIMAL =
      List.of("n", "u", "m", "", "k", "M", "G", "T", "P", "E");
  private static final int UNIT = DECIMAL.indexOf("");
  private static final BigDecimal KIBI = BigDecimal.valueOf(1024);
  private static final int NANO = 9;

  private CanonicalQuantity() {}

  /** The stored form; a text that is no quantity stays as it is, for the API server to refuse. */
  static String of(String text) {
    Matcher quantity = QUANTITY.matcher(text);
    if (!quantity.matches()) {
      return text;
    }
    BigDecimal number = new BigDecimal(quantity.group(1));
    String binary = quantity.group(2);
    String decimal = quantity.group(3);
    String exponent = quantity.group(4);
    if (binary != null) {
      return ofBytes(round(number.multiply(KIBI.pow(BINARY.indexOf(binary)))));
    }
    if (exponent != null) {
      BigDecimal value = round(number.scaleByPowerOfTen(Integer.parseInt(exponent.substring(1))));
      return withThousands(value, true);
    }
    int thousands = decimal == null ? 0 : DECIMAL.indexOf(decimal) - UNIT;
    return withThousands(round(number.scaleByPowerOfTen(3 * thousands)), false);
  }

  private static BigDecimal round(BigDecimal value) {
    return value.setScale(Math.min(NANO, Math.max(0, value.scale())), RoundingMode.UP);
  }

  private static String ofBytes(BigDecimal value) {
    boolean whole = value.stripTrailingZeros().scale() <= 0;
    if (value.abs().compareTo(KIBI) < 0 || !whole) {
      return withThousands(value, false);
    }
    int power = 0;
    BigDecimal mantissa = value;
    while (power < BINARY.size() - 1 && mantissa.remainder(KIBI).signum() == 0) {
      mantissa = mantissa.divide(KIBI);
      power++;
    }
    return mantissa.toBigInteger() + BINARY.get(power);
  }

  /** The largest multiple of three as exponent that leaves no fraction. */
  private static String withThousands(BigDecimal value, boolean asExponent) {
    if (value.signum() == 0) {
      return "0";
    }
    int tens = -value.stripTrailingZeros().scale();
    int thousands = Math.min(Math.floorDiv(tens, 3), DECIMAL.size() - 1 - UNIT);
    String mantissa = value.scaleByPowerOfTen(-3 * thousands).toBigInteger().toString();
    if (asExponent) {
      return thousands == 0 ? mantissa : mantissa + "e" + 3 * thousands;
    }
    return mantissa + DECIMAL.get(UNIT + thousands);
  }
}
