package dev.koyomi.operator.apply;

import dev.koyomi.crds.plan.BatchName;
import io.fabric8.kubernetes.api.model.HasMetadata;
import java.util.List;

/** The operator's own objects as they were seen last. */
public interface LiveObjects {
  /** Objects of the kind that carry the batch's label. */
  <T extends HasMetadata> List<T> of(BatchName batch, Class<T> kind);

  /** Takes the answer to a write as seen, before the watch tells of it. */
  void remember(HasMetadata written);
}
