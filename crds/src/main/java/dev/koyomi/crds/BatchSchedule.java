package dev.koyomi.crds;

import com.fasterxml.jackson.annotation.JsonClassDescription;
import com.fasterxml.jackson.databind.JsonNode;
import io.fabric8.crd.generator.annotation.SchemaSwap;
import io.fabric8.generator.annotation.ValidationRule;
import io.fabric8.kubernetes.api.model.Namespaced;
import io.fabric8.kubernetes.client.CustomResource;
import io.fabric8.kubernetes.model.annotation.Categories;
import io.fabric8.kubernetes.model.annotation.Group;
import io.fabric8.kubernetes.model.annotation.Kind;
import io.fabric8.kubernetes.model.annotation.Plural;
import io.fabric8.kubernetes.model.annotation.ShortNames;
import io.fabric8.kubernetes.model.annotation.Singular;
import io.fabric8.kubernetes.model.annotation.Version;
import org.jspecify.annotations.Nullable;

/**
 * One batch as Kubernetes stores it. Spec and status stay trees, so that an object which another
 * version wrote can always be read and its neighbours keep working; the planner says what is wrong
 * with it.
 */
@JsonClassDescription(
    "A batch: when it fires, which targets it selects, and what is done once for each of them.")
@SchemaSwap(
    originalType = BatchSchedule.class,
    fieldName = "spec",
    targetType = BatchScheduleSpec.class)
@SchemaSwap(
    originalType = BatchSchedule.class,
    fieldName = "status",
    targetType = BatchScheduleStatus.class)
@ValidationRule(value = "size(self.metadata.name) <= 52", message = Rules.NAME_LENGTH)
@ValidationRule(
    value =
        "!has(self.spec.schedules)"
            + " || self.spec.schedules.all(s, size(self.metadata.name) + 1 + size(s.name) <= 52)",
    fieldPath = ".spec.schedules",
    message = Rules.CRONJOB_NAME)
@Group(BatchSchedule.GROUP)
@Version(BatchSchedule.VERSION)
@Kind(BatchSchedule.KIND)
@Plural("batchschedules")
@Singular("batchschedule")
@ShortNames("bs")
@Categories("koyomi")
public final class BatchSchedule extends CustomResource<JsonNode, JsonNode> implements Namespaced {
  public static final String GROUP = "koyomi.dev";
  public static final String VERSION = "v1alpha1";
  public static final String KIND = "BatchSchedule";

  public static final String API_VERSION = GROUP + "/" + VERSION;

  private static final long serialVersionUID = 1;

  @Override
  protected @Nullable JsonNode initSpec() {
    return null;
  }

  @Override
  protected @Nullable JsonNode initStatus() {
    return null;
  }
}
