package dev.koyomi.operator.apply;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import com.fasterxml.jackson.databind.SerializationFeature;
import dev.koyomi.operator.desired.Labels;
import io.fabric8.kubernetes.api.model.HasMetadata;
import io.fabric8.kubernetes.api.model.ManagedFieldsEntry;
import io.fabric8.kubernetes.client.KubernetesClient;
import java.nio.charset.StandardCharsets;
import java.security.MessageDigest;
import java.security.NoSuchAlgorithmException;
import java.util.HexFormat;
import java.util.Map;
import java.util.Objects;
import java.util.Optional;
import java.util.TreeMap;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * Writes an object by server-side apply, and only when it must: when the hash that it was stamped
 * with differs, or a field of it is no longer ours.
 */
public final class Applier {
  /** Our name in {@code metadata.managedFields}. */
  public static final String FIELD_MANAGER = "koyomi-operator";

  /** Annotation with the hash of what was applied. */
  public static final String HASH = "koyomi.dev/applied-hash";

  private static final Logger log = LoggerFactory.getLogger(Applier.class);
  private static final ObjectMapper CANONICAL =
      new ObjectMapper().enable(SerializationFeature.ORDER_MAP_ENTRIES_BY_KEYS);

  private final KubernetesClient client;
  private final LiveObjects live;

  public Applier(KubernetesClient client, LiveObjects live) {
    this.client = client;
    this.live = live;
  }

  /** Whether {@link #apply} would write. */
  public boolean differs(HasMetadata desired) {
    return seen(desired).filter(found -> matches(stamped(desired), found)).isEmpty();
  }

  /**
   * Makes the object so.
   *
   * @throws ForeignObject when an object of that name belongs to somebody else
   */
  public void apply(HasMetadata desired) throws ForeignObject {
    HasMetadata stamped = stamped(desired);
    Optional<? extends HasMetadata> found = seen(desired);
    if (found.isPresent() && matches(stamped, found.get())) {
      return;
    }
    if (found.isEmpty()) {
      // Forced server-side apply takes over whatever has the name, so look first.
      HasMetadata stored = client.resource(desired).get();
      if (stored != null && !belongsTogether(desired, stored)) {
        throw new ForeignObject(stored);
      }
    }
    HasMetadata written =
        client.resource(stamped).fieldManager(FIELD_MANAGER).forceConflicts().serverSideApply();
    live.remember(written);
    log.info(
        "Applied {} {}/{}",
        written.getKind(),
        written.getMetadata().getNamespace(),
        written.getMetadata().getName());
  }

  private Optional<? extends HasMetadata> seen(HasMetadata desired) {
    var batch = Ownership.batchOf(desired);
    return live.of(batch, desired.getClass()).stream()
        .filter(found -> found.getMetadata().getName().equals(desired.getMetadata().getName()))
        .findFirst();
  }

  private static boolean belongsTogether(HasMetadata desired, HasMetadata stored) {
    String schedule = desired.getMetadata().getLabels().get(Labels.SCHEDULE);
    return Objects.equals(schedule, Ownership.scheduleOf(stored).orElse(null))
        || Ownership.shareOwner(desired, stored);
  }

  private boolean matches(HasMetadata stamped, HasMetadata stored) {
    Map<String, String> annotations = stored.getMetadata().getAnnotations();
    if (annotations == null
        || !Objects.equals(
            annotations.get(HASH), stamped.getMetadata().getAnnotations().get(HASH))) {
      return false;
    }
    return stored.getMetadata().getManagedFields().stream()
        .filter(Applier::isOurs)
        .findFirst()
        .filter(entry -> OwnedFields.cover(tree(stamped), tree(entry.getFieldsV1())))
        .isPresent();
  }

  private static boolean isOurs(ManagedFieldsEntry entry) {
    return FIELD_MANAGER.equals(entry.getManager())
        && "Apply".equals(entry.getOperation())
        && (entry.getSubresource() == null || entry.getSubresource().isEmpty());
  }

  private HasMetadata stamped(HasMetadata desired) {
    HasMetadata stamped = client.getKubernetesSerialization().clone(desired);
    // Who owns the object is not part of the hash: what render prints has no owner.
    HasMetadata hashed = client.getKubernetesSerialization().clone(desired);
    hashed.getMetadata().setOwnerReferences(null);
    Map<String, String> annotations = new TreeMap<>();
    if (desired.getMetadata().getAnnotations() != null) {
      annotations.putAll(desired.getMetadata().getAnnotations());
    }
    annotations.put(HASH, hash(hashed));
    stamped.getMetadata().setAnnotations(annotations);
    return stamped;
  }

  private String hash(HasMetadata object) {
    try {
      Object sorted = CANONICAL.treeToValue(tree(object), Object.class);
      byte[] text = CANONICAL.writeValueAsString(sorted).getBytes(StandardCharsets.UTF_8);
      byte[] digest = MessageDigest.getInstance("SHA-256").digest(text);
      return HexFormat.of().formatHex(digest).substring(0, 16);
    } catch (com.fasterxml.jackson.core.JsonProcessingException e) {
      throw new IllegalStateException("A tree can always be written.", e);
    } catch (NoSuchAlgorithmException e) {
      throw new IllegalStateException("Every Java has SHA-256.", e);
    }
  }

  private JsonNode tree(Object object) {
    return client.getKubernetesSerialization().convertValue(object, JsonNode.class);
  }
}
