package dev.koyomi.crds.plan;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import com.fasterxml.jackson.databind.node.ArrayNode;
import com.fasterxml.jackson.databind.node.ObjectNode;
import java.util.ArrayList;
import java.util.Collection;
import java.util.List;
import java.util.Map;
import java.util.regex.Pattern;
import org.yaml.snakeyaml.DumperOptions;
import org.yaml.snakeyaml.LoaderOptions;
import org.yaml.snakeyaml.Yaml;
import org.yaml.snakeyaml.constructor.SafeConstructor;
import org.yaml.snakeyaml.error.MarkedYAMLException;
import org.yaml.snakeyaml.error.YAMLException;
import org.yaml.snakeyaml.nodes.Tag;
import org.yaml.snakeyaml.representer.Representer;
import org.yaml.snakeyaml.resolver.Resolver;

/** Files with one or more YAML documents, read as kubectl reads them. */
public final class Manifests {
  private static final ObjectMapper MAPPER = new ObjectMapper();
  private static final int DEEPEST = 50;

  private Manifests() {}

  /** The documents of a file; empty ones are left out. */
  public static List<JsonNode> read(String yaml) throws ManifestProblem {
    List<JsonNode> documents = new ArrayList<>();
    try {
      for (Object document : parser().loadAll(yaml)) {
        if (document != null) {
          documents.add(tree(document, 0));
        }
      }
    } catch (MarkedYAMLException e) {
      var mark = e.getProblemMark();
      throw new ManifestProblem(
          "This is not YAML, line %d, column %d: %s."
              .formatted(mark.getLine() + 1, mark.getColumn() + 1, e.getProblem()));
    } catch (YAMLException e) {
      throw new ManifestProblem("This is not YAML: " + e.getMessage());
    }
    return documents;
  }

  private static JsonNode tree(Object value, int depth) throws ManifestProblem {
    if (depth > DEEPEST) {
      throw new ManifestProblem(
          "This is nested more than %d levels deep: an alias (*name) must not stand within its own anchor."
              .formatted(DEEPEST));
    }
    if (value instanceof Map<?, ?> map) {
      ObjectNode object = MAPPER.createObjectNode();
      for (Map.Entry<?, ?> entry : map.entrySet()) {
        object.set(String.valueOf(entry.getKey()), tree(entry.getValue(), depth + 1));
      }
      return object;
    }
    if (value instanceof Collection<?> list) {
      ArrayNode array = MAPPER.createArrayNode();
      for (Object item : list) {
        array.add(tree(item, depth + 1));
      }
      return array;
    }
    return MAPPER.valueToTree(value);
  }

  private static Yaml parser() {
    LoaderOptions options = new LoaderOptions();
    options.setAllowDuplicateKeys(false);
    DumperOptions output = new DumperOptions();
    return new Yaml(
        new SafeConstructor(options), new Representer(output), output, options, new PlainScalars());
  }

  /** What a scalar without quotes is: dates and times of day stay text, as for Kubernetes. */
  private static final class PlainScalars extends Resolver {
    private static final Pattern WHOLE =
        Pattern.compile("[-+]?(0|[1-9][0-9_]*|0[0-7_]+|0x[0-9a-fA-F_]+|0b[01_]+)");

    @Override
    protected void addImplicitResolvers() {
      addImplicitResolver(Tag.BOOL, BOOL, "yYnNtTfFoO");
      addImplicitResolver(Tag.INT, WHOLE, "-+0123456789");
      addImplicitResolver(Tag.FLOAT, FLOAT, "-+0123456789.");
      addImplicitResolver(Tag.MERGE, MERGE, "<");
      addImplicitResolver(Tag.NULL, NULL, "~nN\0");
      addImplicitResolver(Tag.NULL, EMPTY, null);
    }
  }
}
