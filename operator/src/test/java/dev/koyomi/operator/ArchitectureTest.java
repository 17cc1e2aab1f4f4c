package dev.koyomi.operator;

import static com.tngtech.archunit.lang.syntax.ArchRuleDefinition.classes;
import static com.tngtech.archunit.lang.syntax.ArchRuleDefinition.noClasses;
import static com.tngtech.archunit.library.Architectures.layeredArchitecture;
import static com.tngtech.archunit.library.dependencies.SlicesRuleDefinition.slices;

import com.tngtech.archunit.core.domain.JavaClasses;
import com.tngtech.archunit.core.importer.ClassFileImporter;
import com.tngtech.archunit.core.importer.ImportOption;
import java.time.Clock;
import java.time.Instant;
import org.junit.jupiter.api.Test;

final class ArchitectureTest {
  private static final JavaClasses OPERATOR =
      new ClassFileImporter()
          .withImportOption(new ImportOption.DoNotIncludeTests())
          .importPackages("dev.koyomi.operator");

  @Test
  void packagesHaveNoCycles() {
    slices().matching("dev.koyomi.operator.(*)..").should().beFreeOfCycles().check(OPERATOR);
  }

  @Test
  void arrowsGoOneWay() {
    String root = "dev.koyomi.operator";
    layeredArchitecture()
        .consideringOnlyDependenciesInAnyPackage(root + "..")
        .layer("main")
        .definedBy(root)
        .layer("reconcile")
        .definedBy(root + ".reconcile..")
        .layer("apply")
        .definedBy(root + ".apply..")
        .layer("database")
        .definedBy(root + ".database..")
        .layer("leadership")
        .definedBy(root + ".leadership..")
        .layer("probes")
        .definedBy(root + ".probes..")
        .layer("settings")
        .definedBy(root + ".settings..")
        .layer("desired")
        .definedBy(root + ".desired..")
        .layer("status")
        .definedBy(root + ".status..")
        .whereLayer("main")
        .mayNotBeAccessedByAnyLayer()
        .whereLayer("reconcile")
        .mayOnlyBeAccessedByLayers("main")
        .whereLayer("probes")
        .mayOnlyBeAccessedByLayers("main")
        .whereLayer("leadership")
        .mayOnlyBeAccessedByLayers("main")
        .whereLayer("database")
        .mayOnlyBeAccessedByLayers("main", "reconcile")
        .whereLayer("apply")
        .mayOnlyBeAccessedByLayers("reconcile")
        .whereLayer("desired")
        .mayOnlyBeAccessedByLayers("main", "reconcile", "apply")
        .whereLayer("status")
        .mayOnlyBeAccessedByLayers("reconcile", "database")
        .check(OPERATOR);
  }

  @Test
  void decisionsKnowNoClientNoClockAndNoInput() {
    noClasses()
        .that()
        .resideInAnyPackage("dev.koyomi.operator.desired..", "dev.koyomi.operator.status..")
        .should()
        .dependOnClassesThat()
        .resideInAnyPackage(
            "io.fabric8.kubernetes.client..",
            "io.javaoperatorsdk..",
            "java.io..",
            "java.nio.file..",
            "java.net..",
            "java.sql..",
            "javax.sql..",
            "java.util.concurrent..",
            "org.slf4j..")
        .orShould()
        .callMethod(Instant.class, "now")
        .orShould()
        .dependOnClassesThat()
        .areAssignableTo(Clock.class)
        .check(OPERATOR);
  }

  @Test
  void theRunnerIsNotKnown() {
    noClasses()
        .should()
        .dependOnClassesThat()
        .resideInAPackage("dev.koyomi.runner..")
        .check(OPERATOR);
  }

  @Test
  void onlyTheDatabasePackageSpeaksSql() {
    classes()
        .that()
        .resideOutsideOfPackage("dev.koyomi.operator.database..")
        .should()
        .onlyDependOnClassesThat()
        .resideOutsideOfPackages("java.sql..", "org.postgresql..", "com.zaxxer..")
        .check(OPERATOR);
  }
}
