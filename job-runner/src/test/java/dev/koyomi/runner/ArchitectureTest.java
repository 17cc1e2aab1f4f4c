package dev.koyomi.runner;

import static com.tngtech.archunit.lang.syntax.ArchRuleDefinition.classes;
import static com.tngtech.archunit.lang.syntax.ArchRuleDefinition.noClasses;
import static com.tngtech.archunit.library.Architectures.layeredArchitecture;
import static com.tngtech.archunit.library.dependencies.SlicesRuleDefinition.slices;
import static org.assertj.core.api.Assertions.assertThat;

import com.tngtech.archunit.base.DescribedPredicate;
import com.tngtech.archunit.core.domain.JavaAccess;
import com.tngtech.archunit.core.domain.JavaClass;
import com.tngtech.archunit.core.domain.JavaClasses;
import com.tngtech.archunit.core.importer.ClassFileImporter;
import com.tngtech.archunit.core.importer.ImportOption;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Clock;
import java.time.Instant;
import java.time.InstantSource;
import java.util.Calendar;
import java.util.Date;
import java.util.regex.Pattern;
import org.junit.jupiter.api.Test;

final class ArchitectureTest {
  private static final String ROOT = "dev.koyomi.runner";
  private static final Path SOURCES = Path.of("src/main/java/dev/koyomi/runner");

  private final JavaClasses runner =
      new ClassFileImporter()
          .withImportOption(new ImportOption.DoNotIncludeTests())
          .importPackages(ROOT);

  @Test
  void packagesHaveNoCycles() {
    slices().matching(ROOT + ".(*)..").should().beFreeOfCycles().check(runner);
  }

  @Test
  void arrowsGoOneWay() {
    layeredArchitecture()
        .consideringOnlyDependenciesInAnyPackage(ROOT + "..")
        .layer("main")
        .definedBy(ROOT)
        .layer("cli")
        .definedBy(ROOT + ".cli..")
        .layer("trigger")
        .definedBy(ROOT + ".trigger..")
        .layer("worker")
        .definedBy(ROOT + ".worker..")
        .layer("unit")
        .definedBy(ROOT + ".unit..")
        .layer("queue")
        .definedBy(ROOT + ".queue..")
        .layer("history")
        .definedBy(ROOT + ".history..")
        .layer("dev")
        .definedBy(ROOT + ".dev..")
        .layer("db")
        .definedBy(ROOT + ".db..")
        .layer("settings")
        .definedBy(ROOT + ".settings..")
        .whereLayer("main")
        .mayNotBeAccessedByAnyLayer()
        .whereLayer("cli")
        .mayOnlyBeAccessedByLayers("main")
        .whereLayer("trigger")
        .mayOnlyBeAccessedByLayers("cli")
        .whereLayer("worker")
        .mayOnlyBeAccessedByLayers("cli")
        .whereLayer("dev")
        .mayOnlyBeAccessedByLayers("cli")
        .whereLayer("history")
        .mayOnlyBeAccessedByLayers("cli")
        .whereLayer("unit")
        .mayOnlyBeAccessedByLayers("worker")
        .whereLayer("queue")
        .mayOnlyBeAccessedByLayers("cli", "trigger", "worker", "unit")
        .whereLayer("db")
        .mayOnlyBeAccessedByLayers("cli", "trigger", "worker", "unit", "queue")
        .whereLayer("settings")
        .mayOnlyBeAccessedByLayers("cli", "db", "dev")
        .check(runner);
  }

  @Test
  void settingsKnowNoClockNoInputAndNoClient() {
    noClasses()
        .that()
        .resideInAPackage(ROOT + ".settings..")
        .should()
        .dependOnClassesThat()
        .resideInAnyPackage(
            "java.io..",
            "java.nio.file..",
            "java.sql..",
            "javax.sql..",
            "org.jdbi..",
            "org.slf4j..")
        .orShould()
        .callMethod(Instant.class, "now")
        .orShould()
        .dependOnClassesThat()
        .areAssignableTo(Clock.class)
        .check(runner);
  }

  /**
   * Only the database's clock decides ownership, order and due time. How long something takes is
   * asked of {@code System.nanoTime}.
   */
  @Test
  void theQueueAsksNoClockOfThisMachine() {
    noClasses()
        .that()
        .resideInAnyPackage(
            ROOT + ".queue..",
            ROOT + ".history..",
            ROOT + ".worker..",
            ROOT + ".trigger..",
            ROOT + ".unit..")
        .should()
        .accessTargetWhere(TELLS_THE_TIME)
        .orShould()
        .dependOnClassesThat()
        .areAssignableTo(InstantSource.class)
        .orShould()
        .dependOnClassesThat()
        .areAssignableTo(Date.class)
        .orShould()
        .dependOnClassesThat()
        .areAssignableTo(Calendar.class)
        .check(runner);
  }

  /** By a call or as a reference. */
  private static final DescribedPredicate<JavaAccess<?>> TELLS_THE_TIME =
      DescribedPredicate.describe(
          "it tells the time",
          access -> {
            JavaClass owner = access.getTargetOwner();
            String name = access.getName();
            return owner.isEquivalentTo(System.class)
                ? name.equals("currentTimeMillis")
                : owner.getPackageName().startsWith("java.time") && name.equals("now");
          });

  @Test
  void theOperatorAndKubernetesAreNotKnown() {
    noClasses()
        .should()
        .dependOnClassesThat()
        .resideInAnyPackage("dev.koyomi.operator..", "io.fabric8..")
        .check(runner);
  }

  @Test
  void onlyTheCommandLineKnowsTheCommandLine() {
    classes()
        .that()
        .resideOutsideOfPackage(ROOT + ".cli..")
        .should()
        .onlyDependOnClassesThat()
        .resideOutsideOfPackage("picocli..")
        .check(runner);
  }

  @Test
  void theQueueIsTheOnlyWriterOfItsRows() throws IOException {
    Pattern write =
        Pattern.compile("(?i)\\b(insert\\s+into|update|delete\\s+from|truncate)\\s+koyomi\\.");
    try (var files = Files.walk(SOURCES)) {
      assertThat(
              files
                  .filter(file -> file.toString().endsWith(".java"))
                  .filter(file -> !file.startsWith(SOURCES.resolve("queue")))
                  .filter(file -> write.matcher(text(file)).find()))
          .isEmpty();
    }
  }

  private static String text(Path file) {
    try {
      return Files.readString(file);
    } catch (IOException failed) {
      throw new UncheckedIOException(failed);
    }
  }
}
