package dev.koyomi.crds;

import static com.tngtech.archunit.lang.syntax.ArchRuleDefinition.noClasses;
import static com.tngtech.archunit.library.dependencies.SlicesRuleDefinition.slices;
import static org.assertj.core.api.Assertions.assertThat;

import com.tngtech.archunit.core.domain.JavaClasses;
import com.tngtech.archunit.core.importer.ClassFileImporter;
import com.tngtech.archunit.core.importer.ImportOption;
import java.time.Clock;
import java.time.Instant;
import java.time.LocalDate;
import java.time.LocalDateTime;
import java.time.OffsetDateTime;
import java.time.ZoneId;
import java.time.ZonedDateTime;
import org.jspecify.annotations.NullMarked;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

final class ArchitectureTest {
  private static final String ROOT = "dev.koyomi.crds";
  private static final String PLAN = ROOT + ".plan";
  private static final String OCCURRENCE = ROOT + ".occurrence";
  private static final String SQL = ROOT + ".sql";

  private static final JavaClasses CRDS =
      new ClassFileImporter()
          .withImportOption(new ImportOption.DoNotIncludeTests())
          .importPackages(ROOT);

  @Test
  void allPackagesAreSeen() {
    assertThat(CRDS.size()).isGreaterThan(40);
    assertThat(CRDS.stream().map(type -> type.getPackageName()).distinct())
        .containsExactlyInAnyOrder(ROOT, PLAN, OCCURRENCE, SQL);
  }

  @Test
  void packagesHaveNoCycles() {
    slices().matching("dev.koyomi.(**)").should().beFreeOfCycles().check(CRDS);
  }

  @Test
  void theCalendarAndTheSqlStandOnTheirOwn() {
    noClasses()
        .that()
        .resideInAPackage(OCCURRENCE)
        .should()
        .dependOnClassesThat()
        .resideOutsideOfPackages(OCCURRENCE, "java..", "org.jspecify..")
        .check(CRDS);
    noClasses()
        .that()
        .resideInAPackage(SQL)
        .should()
        .dependOnClassesThat()
        .resideOutsideOfPackages(SQL, "java..", "org.jspecify..")
        .check(CRDS);
  }

  @Test
  void theRecordsDoNotKnowThePlan() {
    noClasses()
        .that()
        .resideInAPackage(ROOT)
        .should()
        .dependOnClassesThat()
        .resideInAPackage(PLAN)
        .check(CRDS);
  }

  /** The runner reads definitions without Kubernetes on its class path. */
  @Test
  void onlyTheResourceItselfKnowsKubernetes() {
    noClasses()
        .that()
        .doNotHaveSimpleName("BatchSchedule")
        .should()
        .dependOnClassesThat()
        .resideInAPackage("io.fabric8.kubernetes..")
        .orShould()
        .dependOnClassesThat()
        .haveFullyQualifiedName(ROOT + ".BatchSchedule")
        .check(CRDS);
  }

  @Test
  void nothingReadsOrWritesOrConnects() {
    noClasses()
        .should()
        .dependOnClassesThat()
        .resideInAnyPackage(
            "java.io..", "java.nio.file..", "java.net..", "java.sql..", "org.slf4j..")
        .orShould()
        .accessField(System.class, "out")
        .orShould()
        .callMethod(System.class, "getenv", String.class)
        .orShould()
        .callMethod(System.class, "getProperty", String.class)
        .check(CRDS);
  }

  @ParameterizedTest
  @ValueSource(
      classes = {
        Instant.class,
        LocalDate.class,
        LocalDateTime.class,
        OffsetDateTime.class,
        ZonedDateTime.class
      })
  void nothingAsksForTheTime(Class<?> time) {
    noClasses().should().callMethod(time, "now").check(CRDS);
  }

  @Test
  void nothingHasAClockAZoneOrChanceOfItsOwn() {
    noClasses()
        .should()
        .dependOnClassesThat()
        .areAssignableTo(Clock.class)
        .orShould()
        .callMethod(System.class, "currentTimeMillis")
        .orShould()
        .callMethod(System.class, "nanoTime")
        .orShould()
        .callMethod(ZoneId.class, "systemDefault")
        .orShould()
        .callMethod(Math.class, "random")
        .orShould()
        .dependOnClassesThat()
        .resideInAPackage("java.util.random..")
        .orShould()
        .dependOnClassesThat()
        .haveNameMatching("java\\.util\\.(Random|concurrent\\.ThreadLocalRandom)")
        .check(CRDS);
  }

  @Test
  void everyPackageIsNullMarked() {
    assertThat(CRDS.stream().map(type -> type.getPackage()).distinct())
        .allMatch(all -> all.isAnnotatedWith(NullMarked.class));
  }

  @Test
  void namesSayThePurpose() {
    noClasses()
        .should()
        .haveSimpleNameEndingWith("Impl")
        .orShould()
        .haveSimpleNameStartingWith("Abstract")
        .orShould()
        .haveNameMatching(".*\\.[A-Za-z]*(Util|Utils|Helper|Manager|Base)")
        .check(CRDS);
  }
}
