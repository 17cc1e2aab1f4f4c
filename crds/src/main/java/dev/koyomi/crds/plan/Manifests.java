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
import org.jspecify.annotations.Nullable;
import org.yaml.snakeyaml.DumperOptions;
import org.yaml.snakeyaml.LoaderOptions;
import org.yaml.snakeyaml.Yaml;
import org.yaml.snakeyaml.constructor.SafeConstructor;
import org.yaml.snakeyaml.error.MarkedYAMLException;
import org.yaml.snakeyaml.error.YAMLException;
import org.yaml.snakeyaml.nodes.Tag;
import org.yaml.snakeyaml.reader.ReaderException;
import org.yaml.snakeyaml.representer.Representer;
import org.yaml.snakeyaml.resolver.Resolver;

/** Files with one or more YAML documents, read as kubectl reads them. */
public final class Manifests {
  private static final ObjectMapper MAPPER = new ObjectMapper();
  private static final int DEEPEST = 50;
  private static final int MOST_VALUES = 100_000;

  /** Code points of a document; no API server keeps more. */
  private static final int LONGEST = 1 << 20;

  private int values;

  private Manifests() {}

  /** The documents of a file; empty ones are left out. */
  public static List<JsonNode> read(String yaml) throws ManifestProblem {
    Manifests manifests = new Manifests();
    List<JsonNode> documents = new ArrayList<>();
    try {
      for (Object document : parser().loadAll(yaml)) {
        if (document != null) {
          documents.add(manifests.tree(document, 0));
        }
      }
    } catch (ReaderException e) {
      throw new ManifestProblem(
          "This is not YAML: the character U+%04X, the %dth of the file, is not allowed in one."
              .formatted(e.getCodePoint(), e.getPosition() + 1));
    } catch (MarkedYAMLException e) {
      var mark = e.getProblemMark();
      throw new ManifestProblem(
          "This is not YAML, line %d, column %d: %s."
              .formatted(mark.getLine() + 1, mark.getColumn() + 1, e.getProblem()));
    } catch (YAMLException e) {
      throw new ManifestProblem(
          "This is not YAML: %s."
              .formatted(String.valueOf(e.getMessage()).replaceFirst("\\.$", "")));
    } catch (StackOverflowError e) {
      // A list as a key, beside an object that is a field of its own.
      throw new ManifestProblem(
          "This is not YAML: an alias (*name) must not stand within its own anchor.");
    } catch (RuntimeException e) {
      // The parser's own way to refuse a value that its tag does not fit: !!int x, !!map [a].
      throw new ManifestProblem(
          "This is not YAML: a value has a tag, such as !!int, that it does not fit; take it out.");
    }
    return documents;
  }

  private JsonNode tree(@Nullable Object value, int depth) throws ManifestProblem {
    if (++values > MOST_VALUES) {
      throw new ManifestProblem(
          "This has more than %d values, those counted again that aliases (*name) repeat: write less into one file."
              .formatted(MOST_VALUES));
    }
    if (depth > DEEPEST) {
      throw new ManifestProblem(
          "This is nested more than %d levels deep: an alias (*name) must not stand within its own anchor."
              .formatted(DEEPEST));
    }
    if (value instanceof Map<?, ?> map) {
      ObjectNode object = MAPPER.createObjectNode();
      for (Map.Entry<?, ?> entry : map.entrySet()) {
        object.set(name(entry.getKey()), tree(entry.getValue(), depth + 1));
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
    if (value == null
        || value instanceof String
        || value instanceof Number
        || value instanceof Boolean) {
      return MAPPER.valueToTree(value);
    }
    throw new ManifestProblem(
        "A value has a tag, such as !!binary, that JSON has no value for: write the value without"
            + " it.");
  }

  private static String name(@Nullable Object key) throws ManifestProblem {
    if (key == null || key instanceof String || key instanceof Number || key instanceof Boolean) {
      return String.valueOf(key);
    }
    throw new ManifestProblem(
        "The name of a field is a list, an object or tagged: write a text in its place.");
  }

  private static Yaml parser() {
    LoaderOptions options = new LoaderOptions();
    options.setAllowDuplicateKeys(false);
    options.setCodePointLimit(LONGEST);
    DumperOptions output = new DumperOptions();
    return new Yaml(
        new SafeConstructor(options), new Representer(output), output, options, new PlainScalars());
  }

  /** What a scalar without quotes is: dates and times of day stay text, as for Kubernetes. */
  private static final class PlainScalars extends Resolver {
    private static final Pattern WHOLE =
        Pattern.compile(
            "[-+]?(0|[1-9][0-9_]*|0_*[0-7][0-7_]*|0x_*[0-9a-fA-F][0-9a-fA-F_]*|0b_*[01][01_]*)");

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
