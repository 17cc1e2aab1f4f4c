package dev.koyomi.runner.cli;

import picocli.CommandLine.ITypeConverter;
import picocli.CommandLine.TypeConversionException;

/** A number of things that a person wants to see. */
final class AtLeastOne implements ITypeConverter<Integer> {
  @Override
  public Integer convert(String text) {
    if (!text.matches("[0-9]{1,9}") || Integer.parseInt(text) == 0) {
      throw new TypeConversionException("'%s' is no number from 1 to 999999999".formatted(text));
    }
    return Integer.valueOf(text);
  }
}
