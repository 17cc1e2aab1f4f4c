package dev.koyomi.operator;

import dev.koyomi.operator.database.JdbcQueueClient;
import dev.koyomi.operator.probes.Probes;
import dev.koyomi.operator.settings.Environment;
import dev.koyomi.operator.settings.OperatorSettings;
import dev.koyomi.operator.settings.SettingsProblem;
import io.fabric8.kubernetes.client.KubernetesClient;
import io.fabric8.kubernetes.client.KubernetesClientBuilder;
import java.io.IOException;
import java.time.InstantSource;
import java.util.concurrent.Callable;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.TimeUnit;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;
import picocli.CommandLine.Command;
import picocli.CommandLine.ExitCode;

/** Runs until it is told to stop, or until it can no longer do its work. */
@Command(
    name = "run",
    description = "Runs the operator until SIGTERM. Its settings are environment variables.",
    mixinStandardHelpOptions = true)
final class RunCommand implements Callable<Integer> {
  private static final Logger log = LoggerFactory.getLogger(RunCommand.class);

  /** Less than the grace period of its Pod. */
  private static final long SECONDS_TO_STOP = 20;

  @Override
  public Integer call() throws IOException, InterruptedException {
    OperatorSettings settings;
    try {
      settings = Environment.read(System.getenv());
    } catch (SettingsProblem e) {
      System.err.println(e.getMessage());
      return ExitCode.USAGE;
    }
    Life life = new Life();
    CountDownLatch closed = new CountDownLatch(1);
    Runtime.getRuntime().addShutdownHook(new Thread(() -> stop(life, closed), "stop"));
    try (KubernetesClient client = new KubernetesClientBuilder().build();
        OperatorProcess process =
            new OperatorProcess(
                Installations.named(settings, client),
                client,
                JdbcQueueClient::connect,
                InstantSource.system(),
                life);
        Probes probes = Probes.start(Probes.PORT, process::live, process::ready)) {
      log.info("Probes are answered on port {}", probes.port());
      process.start();
      return life.awaitEnd();
    } catch (SettingsProblem e) {
      System.err.println(e.getMessage());
      return ExitCode.SOFTWARE;
    } finally {
      closed.countDown();
    }
  }

  /** SIGTERM: the main thread puts everything away; the JVM waits for it here. */
  private static void stop(Life life, CountDownLatch closed) {
    life.end(ExitCode.OK);
    try {
      if (!closed.await(SECONDS_TO_STOP, TimeUnit.SECONDS)) {
        System.err.println("The operator did not stop in time; it ends as it is.");
      }
    } catch (InterruptedException e) {
      Thread.currentThread().interrupt();
    }
  }
}
