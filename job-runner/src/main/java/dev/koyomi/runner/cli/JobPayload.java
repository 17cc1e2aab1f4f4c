package dev.koyomi.runner.cli;

import com.fasterxml.jackson.core.JsonFactory;
import com.fasterxml.jackson.core.JsonLocation;
import com.fasterxml.jackson.core.JsonProcessingException;
import com.fasterxml.jackson.core.StreamReadConstraints;
import com.fasterxml.jackson.core.StreamReadFeature;
import com.fasterxml.jackson.databind.DeserializationFeature;
import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.json.JsonMapper;
import java.nio.file.Path;
import java.util.Locale;

/**
 * The payload of a job that a person enqueues: {@code --payload}.
 *
 * @param text as it was typed: what the server reads keeps every digit
 * @param members the same, to look at
 */
record JobPayload(String text, JsonNode members) {
  /** The limits are the queue's, which refuses what is too large. */
  private static final StreamReadConstraints UNLIMITED =
      StreamReadConstraints.builder()
          .maxNestingDepth(Integer.MAX_VALUE)
          .maxNumberLength(Integer.MAX_VALUE)
          .maxStringLength(Integer.MAX_VALUE)
          .maxNameLength(Integer.MAX_VALUE)
          .build();

  private static final JsonMapper JSON =
      JsonMapper.builder(JsonFactory.builder().streamReadConstraints(UNLIMITED).build())
          .enable(StreamReadFeature.STRICT_DUPLICATE_DETECTION)
          .enable(DeserializationFeature.FAIL_ON_TRAILING_TOKENS)
          .build();

  /**
   * A JSON object in a person's words; anything else ends the command.
   *
   * @param typed the JSON itself, {@code @FILE}, or {@code -} for the standard input
   */
  static JobPayload read(String typed, Keyboard keyboard) {
    if (typed.equals("-")) {
      return parse("the standard input", keyboard.text());
    }
    if (typed.startsWith("@")) {
      Path file = Path.of(typed.substring(1));
      return parse(file.toString(), TextFile.read(file));
    }
    return parse("--payload", typed);
  }

  private static JobPayload parse(String source, String text) {
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
    return new JobPayload(text, payload);
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
