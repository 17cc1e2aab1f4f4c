package dev.koyomi.operator.reconcile;

import dev.koyomi.crds.BatchSchedule;
import dev.koyomi.crds.plan.BatchName;
import dev.koyomi.operator.apply.Applier;
import dev.koyomi.operator.apply.Pruner;
import dev.koyomi.operator.database.Databases;
import dev.koyomi.operator.database.QueueClient;
import dev.koyomi.operator.database.Secrets;
import dev.koyomi.operator.settings.OperatorSettings;
import io.fabric8.kubernetes.client.KubernetesClient;
import io.javaoperatorsdk.operator.Operator;
import io.javaoperatorsdk.operator.api.config.ControllerConfigurationOverrider;
import io.javaoperatorsdk.operator.api.reconciler.EventSourceContext;
import io.javaoperatorsdk.operator.api.reconciler.IndexedResourceCache;
import io.javaoperatorsdk.operator.processing.event.ResourceID;
import io.javaoperatorsdk.operator.processing.event.source.EventSource;
import io.javaoperatorsdk.operator.processing.event.source.inbound.SimpleInboundEventSource;
import io.javaoperatorsdk.operator.processing.retry.GenericRetry;
import io.javaoperatorsdk.operator.processing.retry.Retry;
import java.time.Duration;
import java.time.InstantSource;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.atomic.AtomicBoolean;
import java.util.stream.Stream;
import org.jspecify.annotations.Nullable;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/** The running operator: its informers, its looks at the queues and the reconciler between them. */
public final class BatchOperator implements AutoCloseable {
  private static final Logger log = LoggerFactory.getLogger(BatchOperator.class);
  private static final Duration FIRST_RETRY = Duration.ofSeconds(1);
  private static final Duration LONGEST_RETRY = Duration.ofMinutes(5);

  private final OperatorSettings settings;
  private final Runnable broken;
  private final Operator operator;
  private final Databases databases;
  private final Informers informers = new Informers();
  private final SimpleInboundEventSource<BatchSchedule> queues =
      new SimpleInboundEventSource<>("queues");
  private final AtomicBoolean closing = new AtomicBoolean();
  private volatile @Nullable IndexedResourceCache<BatchSchedule> schedules;

  /**
   * Puts it together.
   *
   * @param broken what to do when it can no longer see the cluster and must be started anew
   */
  public BatchOperator(
      OperatorSettings settings,
      KubernetesClient client,
      QueueClient.Connector connector,
      InstantSource clock,
      Runnable broken) {
    this.settings = settings;
    this.broken = broken;
    databases =
        new Databases(
            connector,
            settings.installation(),
            settings.pollInterval(),
            clock,
            batch -> queues.propagateEvent(idOf(batch)),
            this::exists);
    operator =
        new Operator(
            configuration ->
                configuration
                    .withKubernetesClient(client)
                    .withCloseClientOnStop(false)
                    .withInformerStoppedHandler((informer, failure) -> stopped(failure)));
    Applier applier = new Applier(client, informers);
    Course course =
        new Course(
            settings.runnerImage(),
            settings.installation(),
            this::schedulesIn,
            new Secrets(client, settings.secretNames()),
            databases,
            informers,
            new ObjectsStep(
                informers,
                applier,
                new Pruner(client, informers),
                new Migration(informers, applier)));
    operator.register(new BatchReconciler(course, clock, this::eventSources), this::configure);
  }

  private void configure(ControllerConfigurationOverrider<BatchSchedule> configuration) {
    configuration
        .withName("batchschedule")
        .withFieldManager(Applier.FIELD_MANAGER)
        .withReconciliationMaxInterval(LONGEST_RETRY)
        .withRetry(retry());
    if (settings.namespaces().isEmpty()) {
      configuration.watchingAllNamespaces();
    } else {
      configuration.settingNamespaces(settings.namespaces());
    }
  }

  /** For ever: the framework's own default gives up after 18 seconds. */
  static Retry retry() {
    return new GenericRetry()
        .withoutMaxAttempts()
        .setInitialInterval(FIRST_RETRY)
        .setIntervalMultiplier(2)
        .setMaxInterval(LONGEST_RETRY.toMillis());
  }

  private List<EventSource<?, BatchSchedule>> eventSources(
      EventSourceContext<BatchSchedule> context) {
    schedules = context.getPrimaryCache();
    List<EventSource<?, BatchSchedule>> sources = new ArrayList<>(informers.create(context));
    sources.add(queues);
    return sources;
  }

  private Stream<BatchSchedule> schedulesIn(String namespace) {
    IndexedResourceCache<BatchSchedule> cache = schedules;
    return cache == null ? Stream.of() : cache.list(namespace);
  }

  private boolean exists(BatchName batch) {
    IndexedResourceCache<BatchSchedule> cache = schedules;
    // A cache whose informer was stopped refuses to answer.
    return closing.get() || (cache != null && cache.get(idOf(batch)).isPresent());
  }

  private static ResourceID idOf(BatchName batch) {
    return new ResourceID(batch.name(), batch.namespace());
  }

  /** A process without its informer lives on and does nothing. */
  private void stopped(@Nullable Throwable failure) {
    if (!closing.get()) {
      log.error("The operator no longer sees the cluster and ends, to be started anew", failure);
      broken.run();
    }
  }

  /** Begins to watch and to reconcile. */
  public void start() {
    operator.start();
  }

  /**
   * Whether it still sees the cluster. A database that is away does not count: a restart would not
   * help.
   */
  public boolean healthy() {
    return operator.getRuntimeInfo().isStarted()
        && operator.getRuntimeInfo().allEventSourcesAreHealthy();
  }

  @Override
  public void close() {
    closing.set(true);
    operator.stop();
    databases.close();
  }
}
