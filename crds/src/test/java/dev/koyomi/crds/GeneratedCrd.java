package dev.koyomi.crds;

import com.fasterxml.jackson.annotation.JsonClassDescription;
import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import com.fasterxml.jackson.databind.node.JsonNodeFactory;
import com.fasterxml.jackson.dataformat.yaml.YAMLFactory;
import com.fasterxml.jackson.dataformat.yaml.YAMLGenerator;
import io.fabric8.crdv2.generator.CRDGenerator;
import io.fabric8.crdv2.generator.CRDPostProcessor;
import io.fabric8.kubernetes.api.model.HasMetadata;
import io.fabric8.kubernetes.api.model.apiextensions.v1.CustomResourceColumnDefinition;
import io.fabric8.kubernetes.api.model.apiextensions.v1.CustomResourceColumnDefinitionBuilder;
import io.fabric8.kubernetes.api.model.apiextensions.v1.CustomResourceDefinition;
import io.fabric8.kubernetes.api.model.apiextensions.v1.CustomResourceDefinitionVersion;
import io.fabric8.kubernetes.api.model.apiextensions.v1.JSONSchemaProps;
import io.fabric8.kubernetes.api.model.apiextensions.v1.JSONSchemaPropsBuilder;
import java.io.IOException;
import java.lang.reflect.ParameterizedType;
import java.lang.reflect.RecordComponent;
import java.lang.reflect.Type;
import java.nio.file.Path;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import org.jspecify.annotations.Nullable;

/** The CRD that the records give, with what annotations cannot say put in. */
final class GeneratedCrd implements CRDPostProcessor {
  private static final String HEAD =
      "# Generated from the records of crds/src/main/java; after a change there:"
          + " mvn verify -pl crds -Dkoyomi.update=true\n";
  private static final Map<String, String> FORMATS =
      Map.of(
          "nextScheduleTime", "date-time",
          "occurrence", "date-time",
          "lastTransitionTime", "date-time",
          "logicalDate", "date");

  /** The lists whose items have a name, so that server-side apply merges them by it. */
  private static final Map<String, String> KEYS =
      Map.of("schedules", "name", "env", "name", "conditions", "type");

  private static final List<CustomResourceColumnDefinition> COLUMNS =
      List.of(
          column("Schedule", "string", ".spec.schedules[*].cron", 0),
          column("Suspended", "boolean", ".spec.suspend", 0),
          column("Last Run", "string", ".status.lastRun.state", 0),
          column("Needs Attention", "integer", ".status.queue.dead", 0),
          column("Ready", "string", ".status.conditions[?(@.type==\"Ready\")].status", 0),
          column("Age", "date", ".metadata.creationTimestamp", 0),
          column("Next", "date", ".status.nextScheduleTime", 1),
          column("Message", "string", ".status.conditions[?(@.type==\"Ready\")].message", 1));

  private static final ObjectMapper YAML =
      new ObjectMapper(
          YAMLFactory.builder()
              .enable(YAMLGenerator.Feature.MINIMIZE_QUOTES)
              .disable(YAMLGenerator.Feature.SPLIT_LINES)
              .disable(YAMLGenerator.Feature.WRITE_DOC_START_MARKER)
              .build());

  private @Nullable HasMetadata crd;

  private GeneratedCrd() {}

  /** The custom resource definition as a tree. */
  static JsonNode tree(Path directory) {
    GeneratedCrd generated = new GeneratedCrd();
    new CRDGenerator()
        .customResourceClasses(BatchSchedule.class)
        .forCRDVersions("v1")
        .withPostProcessor(generated)
        .inOutputDir(directory.toFile())
        .detailedGenerate();
    return wholeNumbers(YAML.valueToTree(Objects.requireNonNull(generated.crd)));
  }

  /** The whole file. */
  static String yaml(Path directory) throws IOException {
    return HEAD + YAML.writeValueAsString(tree(directory));
  }

  @Override
  public HasMetadata process(HasMetadata generated, String crdSpecVersion) {
    CustomResourceDefinitionVersion version =
        ((CustomResourceDefinition) generated).getSpec().getVersions().getFirst();
    version.setAdditionalPrinterColumns(COLUMNS);
    JSONSchemaProps root = version.getSchema().getOpenAPIV3Schema();
    describe(root, BatchSchedule.class);
    root.setRequired(List.of("spec"));
    complete(property(root, "spec"), BatchScheduleSpec.class);
    complete(property(root, "status"), BatchScheduleStatus.class);
    crd = generated;
    return generated;
  }

  private static void describe(JSONSchemaProps schema, Class<?> type) {
    if (schema.getDescription() == null) {
      schema.setDescription(
          Objects.requireNonNull(
                  type.getAnnotation(JsonClassDescription.class), "no description: " + type)
              .value());
    }
  }

  /** Limits are doubles in the model: 1, not 1.0. */
  private static JsonNode wholeNumbers(JsonNode tree) {
    if (tree.isObject()) {
      tree.properties().forEach(entry -> entry.setValue(wholeNumbers(entry.getValue())));
    } else if (tree.isDouble() && tree.canConvertToExactIntegral()) {
      return JsonNodeFactory.instance.numberNode(tree.longValue());
    } else if (tree.isArray()) {
      tree.forEach(GeneratedCrd::wholeNumbers);
    }
    return tree;
  }

  private static void complete(JSONSchemaProps schema, Class<?> record) {
    describe(schema, record);
    for (RecordComponent component : record.getRecordComponents()) {
      String name = component.getName();
      JSONSchemaProps property = property(schema, name);
      String format = FORMATS.get(name);
      property.setFormat(format == null ? format(component.getType()) : format);
      if (component.getType().isRecord()) {
        complete(property, component.getType());
      } else if (component.getType() == Map.class) {
        property.getAdditionalProperties().setSchema(quantity());
      } else if (component.getType() == List.class) {
        items(property, component.getGenericType(), KEYS.get(name));
      }
    }
  }

  private static JSONSchemaProps property(JSONSchemaProps schema, String name) {
    return Objects.requireNonNull(schema.getProperties().get(name), name);
  }

  private static void items(JSONSchemaProps list, Type type, @Nullable String key) {
    list.setXKubernetesListType(key == null ? "atomic" : "map");
    if (key != null) {
      list.setXKubernetesListMapKeys(List.of(key));
    }
    Class<?> item = (Class<?>) ((ParameterizedType) type).getActualTypeArguments()[0];
    if (item.isRecord()) {
      complete(list.getItems().getSchema(), item);
    }
  }

  private static @Nullable String format(Class<?> type) {
    return type == Integer.class ? "int32" : type == Long.class ? "int64" : null;
  }

  private static JSONSchemaProps quantity() {
    return new JSONSchemaPropsBuilder()
        .withXKubernetesIntOrString(true)
        .addNewAnyOf()
        .withType("integer")
        .endAnyOf()
        .addNewAnyOf()
        .withType("string")
        .endAnyOf()
        .withMaxLength(64L)
        .build();
  }

  private static CustomResourceColumnDefinition column(
      String name, String type, String path, int priority) {
    return new CustomResourceColumnDefinitionBuilder()
        .withName(name)
        .withType(type)
        .withJsonPath(path)
        .withPriority(priority)
        .build();
  }
}
