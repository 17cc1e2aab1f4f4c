package dev.koyomi.runner.cli;

import com.fasterxml.jackson.core.JsonProcessingException;
import com.fasterxml.jackson.databind.ObjectMapper;
import com.fasterxml.jackson.databind.SerializationFeature;
import com.fasterxml.jackson.databind.util.RawValue;
import java.util.List;
import java.util.Map;
import picocli.CommandLine.Option;

/** {@code --output}, the same for every list. */
final class OutputOption {
  private static final ObjectMapper JSON =
      new ObjectMapper().enable(SerializationFeature.INDENT_OUTPUT);

  enum Form {
    table,
    json
  }

  @Option(
      names = {"-o", "--output"},
      paramLabel = "FORM",
      defaultValue = "table",
      description = "table for people, json for programs. Default: ${DEFAULT-VALUE}.")
  private Form form = Form.table;

  boolean json() {
    return form == Form.json;
  }

  /** JSON text as a value of a JSON object, letter for letter. */
  static RawValue raw(String json) {
    return new RawValue(json);
  }

  /** Prints a list as a JSON array of objects. */
  static void print(Screen screen, List<? extends Map<String, ?>> objects) {
    try {
      screen.line(JSON.writeValueAsString(objects));
    } catch (JsonProcessingException impossible) {
      throw new IllegalStateException("Maps of strings and numbers are JSON.", impossible);
    }
  }
}
