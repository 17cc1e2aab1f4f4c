package dev.koyomi.operator.reconcile;

import dev.koyomi.crds.BatchSchedule;
import dev.koyomi.crds.plan.BatchName;
import dev.koyomi.operator.apply.LiveObjects;
import dev.koyomi.operator.desired.Component;
import dev.koyomi.operator.desired.Labels;
import io.fabric8.kubernetes.api.model.ConfigMap;
import io.fabric8.kubernetes.api.model.HasMetadata;
import io.fabric8.kubernetes.api.model.ServiceAccount;
import io.fabric8.kubernetes.api.model.apps.Deployment;
import io.fabric8.kubernetes.api.model.batch.v1.CronJob;
import io.fabric8.kubernetes.api.model.batch.v1.Job;
import io.javaoperatorsdk.operator.api.config.informer.InformerEventSourceConfiguration;
import io.javaoperatorsdk.operator.api.reconciler.EventSourceContext;
import io.javaoperatorsdk.operator.processing.event.ResourceID;
import io.javaoperatorsdk.operator.processing.event.source.EventSource;
import io.javaoperatorsdk.operator.processing.event.source.informer.InformerEventSource;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import java.util.Set;
import java.util.concurrent.ConcurrentHashMap;

/**
 * Watches the operator's own objects, and no others. They lead to their batch by their label:
 * somebody may take the owner reference away, and that must be seen too.
 */
final class Informers implements LiveObjects {
  private static final String ALL = Labels.SCHEDULE;
  private static final String MIGRATIONS =
      Labels.SCHEDULE + "," + Labels.COMPONENT + "=" + Component.MIGRATE.label();

  private final Map<Class<?>, InformerEventSource<?, BatchSchedule>> sources =
      new ConcurrentHashMap<>();

  List<EventSource<?, BatchSchedule>> create(EventSourceContext<BatchSchedule> context) {
    return List.of(
        create(ServiceAccount.class, ALL, context),
        create(ConfigMap.class, ALL, context),
        create(Deployment.class, ALL, context),
        create(CronJob.class, ALL, context),
        create(Job.class, MIGRATIONS, context));
  }

  private <T extends HasMetadata> InformerEventSource<T, BatchSchedule> create(
      Class<T> kind, String selector, EventSourceContext<BatchSchedule> context) {
    InformerEventSource<T, BatchSchedule> source =
        new InformerEventSource<>(
            InformerEventSourceConfiguration.from(kind, BatchSchedule.class)
                .withLabelSelector(selector)
                .withNamespacesInheritedFromController()
                .withSecondaryToPrimaryMapper(Informers::schedule)
                .build(),
            context);
    sources.put(kind, source);
    return source;
  }

  private static Set<ResourceID> schedule(HasMetadata object) {
    String name = object.getMetadata().getLabels().get(Labels.SCHEDULE);
    return name == null
        ? Set.of()
        : Set.of(new ResourceID(name, object.getMetadata().getNamespace()));
  }

  @Override
  public <T extends HasMetadata> List<T> of(BatchName batch, Class<T> kind) {
    BatchSchedule key = new BatchSchedule();
    key.getMetadata().setNamespace(batch.namespace());
    key.getMetadata().setName(batch.name());
    return source(kind).getSecondaryResources(key).stream().map(kind::cast).toList();
  }

  @Override
  public void remember(HasMetadata written) {
    remember(written.getClass(), written);
  }

  private <T extends HasMetadata> void remember(Class<T> kind, HasMetadata written) {
    T object = kind.cast(written);
    source(kind).handleRecentResourceUpdate(ResourceID.fromResource(object), object, object);
  }

  @SuppressWarnings("unchecked") // put under its own class in create()
  private <T extends HasMetadata> InformerEventSource<T, BatchSchedule> source(Class<T> kind) {
    return (InformerEventSource<T, BatchSchedule>) Objects.requireNonNull(sources.get(kind));
  }
}
