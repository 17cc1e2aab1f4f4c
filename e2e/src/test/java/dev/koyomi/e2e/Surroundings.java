package dev.koyomi.e2e;

import java.nio.file.Path;
import java.util.Optional;

/**
 * Where the suite runs; all of it comes from outside, as does the cluster (KUBECONFIG).
 *
 * @param root the project's folder
 * @param version version of the images
 * @param repository prefix of the images' names
 * @param load command that takes an image archive and puts it on the cluster; without it the
 *     cluster has the images or pulls them
 * @param databaseHost address of this machine that pods reach
 * @param helm the program
 * @param auditLog the API server's audit log, one JSON object per line, where there is one
 */
record Surroundings(
    Path root,
    String version,
    String repository,
    Optional<String> load,
    String databaseHost,
    String helm,
    Optional<Path> auditLog) {

  static Surroundings read() {
    return new Surroundings(
        Path.of(property("koyomi.root")).toAbsolutePath().normalize(),
        property("koyomi.version"),
        property("koyomi.repository"),
        variable("KOYOMI_E2E_LOAD"),
        variable("KOYOMI_E2E_DATABASE_HOST")
            .orElseThrow(
                () ->
                    new IllegalStateException(
                        "Set KOYOMI_E2E_DATABASE_HOST to an address of this machine that pods"
                            + " reach: the suite's PostgreSQL listens there.")),
        variable("KOYOMI_E2E_HELM").orElse("helm"),
        variable("KOYOMI_E2E_AUDIT_LOG").map(Path::of));
  }

  private static Optional<String> variable(String name) {
    return Optional.ofNullable(System.getenv(name)).filter(value -> !value.isBlank());
  }

  private static String property(String name) {
    return Optional.ofNullable(System.getProperty(name))
        .orElseThrow(() -> new IllegalStateException("Run the suite with Maven: " + name));
  }
}
