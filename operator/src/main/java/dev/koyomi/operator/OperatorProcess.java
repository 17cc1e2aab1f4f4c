package dev.koyomi.operator;

import dev.koyomi.operator.database.QueueClient;
import dev.koyomi.operator.leadership.Leadership;
import dev.koyomi.operator.reconcile.BatchOperator;
import dev.koyomi.operator.settings.OperatorSettings;
import io.fabric8.kubernetes.client.KubernetesClient;
import java.time.InstantSource;
import java.util.Optional;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;
import picocli.CommandLine.ExitCode;

/**
 * The operator with its turn to work: stands by until it leads, then runs; it ends when it loses
 * its turn or its sight.
 */
final class OperatorProcess implements AutoCloseable {
  private static final Logger log = LoggerFactory.getLogger(OperatorProcess.class);

  private enum State {
    STANDING_BY,
    STARTING,
    RUNNING
  }

  private final BatchOperator operator;
  private final Optional<Leadership> leadership;
  private final Life life;
  private volatile State state = State.STANDING_BY;

  OperatorProcess(
      OperatorSettings settings,
      KubernetesClient client,
      QueueClient.Connector connector,
      InstantSource clock,
      Life life) {
    this.life = life;
    Runnable broken = () -> life.end(ExitCode.SOFTWARE);
    operator = new BatchOperator(settings, client, connector, clock, broken);
    leadership =
        settings.election().map(election -> new Leadership(client, election, clock, broken));
  }

  /** Returns at once; what goes wrong later ends the life. */
  void start() {
    leadership.ifPresent(Leadership::start);
    Thread.ofPlatform().daemon().name("start").start(this::work);
  }

  private void work() {
    try {
      if (leadership.isPresent()) {
        leadership.get().await();
      }
      state = State.STARTING;
      operator.start();
      state = State.RUNNING;
      log.info("The operator works");
    } catch (InterruptedException e) {
      Thread.currentThread().interrupt();
    } catch (RuntimeException e) {
      log.error("The operator could not start", e);
      life.end(ExitCode.SOFTWARE);
    }
  }

  boolean live() {
    boolean elected = leadership.map(Leadership::healthy).orElse(true);
    return elected
        && switch (state) {
          case STANDING_BY, STARTING -> true;
          case RUNNING -> operator.healthy();
        };
  }

  /** One that stands by is ready to take over. */
  boolean ready() {
    return switch (state) {
      case STANDING_BY -> true;
      case STARTING -> false;
      case RUNNING -> operator.healthy();
    };
  }

  @Override
  public void close() {
    // Work first: the next one must not begin while this one still writes.
    operator.close();
    leadership.ifPresent(Leadership::close);
  }
}
