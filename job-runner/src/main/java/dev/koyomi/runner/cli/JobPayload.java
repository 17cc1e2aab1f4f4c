package dev.koyomi.runner.cli;

import com.fasterxml.jackson.core.JsonLocation;
import com.fasterxml.jackson.core.JsonProcessingException;
import com.fasterxml.jackson.core.StreamReadFeature;
import com.fasterxml.jackson.databind.DeserializationFeature;
import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.json.JsonMapper;
import java.nio.file.Path;
import java.util.Locale;

/** The payload of a job that a person enqueues: {@code --payload}. */
final class JobPayload {
  private static final JsonMapper JSON =
      JsonMapper.builder()
          .enable(StreamReadFeature.STRICT_DUPLICATE_DETECTION)
          .enable(DeserializationFeature.FAIL_ON_TRAILING_TOKENS)
          .build();

  private JobPayload() {}

  /**
   * A JSON object in a person's words; anything else ends the command.
   *
   * @param typed the JSON itself, {@code @FILE}, or {@code -} for the standard input
   */
  static JsonNode read(String typed, Keyboard keyboard) {
    if (typed.equals("-")) {
      return parse("the standard input", keyboard.text());
    }
    if (typed.startsWith("@")) {
      Path file = Path.of(typed.substring(1));
      return parse(file.toString(), TextFile.read(file));
    }
    return parse("--payload", typed);
  }

  private static JsonNode parse(String source, String text) {
    JsonNode payload;
    try {
      payload = JSON.readTree(text);
    } catch (JsonProcessingException wrong) {
      throw new CommandProblem(ExitCode.WRONG, sentence(source, wrong));
    }
    if (!payload.isObject()) {
      throw new CommandProblem(
          ExitCode.WRONG,
          "%s is %s: a payload is a JSON object, such as {\"customerId\": 42}."
              .formatted(source, kind(payload)));
    }
    return payload;
  }

  private static String kind(JsonNode payload) {
    return payload.isMissingNode()
        ? "empty"
        : switch (payload.getNodeType()) {
          case ARRAY -> "a JSON array";
          case STRING -> "a JSON string";
          case NUMBER -> "a number";
          default -> payload.getNodeType().name().toLowerCase(Locale.ROOT);
        };
  }

  private static String sentence(String source, JsonProcessingException wrong) {
    JsonLocation at = wrong.getLocation();
    String place =
        at == null ? "" : ", line %d, column %d".formatted(at.getLineNr(), at.getColumnNr());
    String words = wrong.getOriginalMessage().replaceAll("\\s+", " ").strip();
    return "%s is no JSON%s: %s%s".formatted(source, place, words, words.endsWith(".") ? "" : ".");
  }
}
