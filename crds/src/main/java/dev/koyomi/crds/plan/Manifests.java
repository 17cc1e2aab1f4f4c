package dev.koyomi.crds.plan;

import com.fasterxml.jackson.core.JsonLocation;
import com.fasterxml.jackson.core.JsonProcessingException;
import com.fasterxml.jackson.core.StreamReadFeature;
import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import com.fasterxml.jackson.dataformat.yaml.YAMLFactory;
import com.fasterxml.jackson.dataformat.yaml.YAMLParser;
import java.io.IOException;
import java.util.ArrayList;
import java.util.List;

/** Files with one or more YAML documents. */
public final class Manifests {
  private static final ObjectMapper YAML =
      new ObjectMapper(
          YAMLFactory.builder().enable(StreamReadFeature.STRICT_DUPLICATE_DETECTION).build());

  private Manifests() {}

  /** The documents of a file; empty ones are left out. */
  public static List<JsonNode> read(String yaml) throws ManifestProblem {
    List<JsonNode> documents = new ArrayList<>();
    try (var trees = YAML.readerFor(JsonNode.class).<JsonNode>readValues(yaml)) {
      refuseAliases(yaml);
      while (trees.hasNextValue()) {
        JsonNode document = trees.nextValue();
        if (!document.isNull() && !document.isMissingNode()) {
          documents.add(document);
        }
      }
    } catch (JsonProcessingException e) {
      throw new ManifestProblem(
          "This is not YAML%s: %s".formatted(place(e.getLocation()), firstLine(e)));
    } catch (IOException e) {
      throw new ManifestProblem("This is not YAML: " + e.getMessage());
    }
    return documents;
  }

  /** The parser would take an alias for a string. */
  private static void refuseAliases(String yaml) throws IOException, ManifestProblem {
    try (YAMLParser parser = (YAMLParser) YAML.getFactory().createParser(yaml)) {
      while (parser.nextToken() != null) {
        if (parser.isCurrentAlias()) {
          throw new ManifestProblem(
              "The alias *%s%s is not read: write the value out."
                  .formatted(parser.getText(), place(parser.currentTokenLocation())));
        }
      }
    }
  }

  private static String place(JsonLocation place) {
    return " in line %d, column %d".formatted(place.getLineNr(), place.getColumnNr());
  }

  private static String firstLine(JsonProcessingException e) {
    return e.getOriginalMessage().lines().findFirst().orElse("unreadable") + ".";
  }
}
