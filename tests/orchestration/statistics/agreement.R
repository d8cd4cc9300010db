# Every estimator once more by R's survey package: name and value a line, with 17 digits.
suppressPackageStartupMessages(library(survey))
folder <- commandArgs(trailingOnly = TRUE)[1]
d <- read.csv(file.path(folder, "sample.csv"))
d$told <- as.numeric(!is.na(d$y)); d$y0 <- ifelse(is.na(d$y), 0, d$y)
d$psuid <- interaction(d$h, d$p, drop = TRUE)
d$ssuid <- seq_len(nrow(d))
say <- function(name, values) for (i in seq_along(values))
  cat(sprintf("%s.%d %.17g\n", name, i, as.numeric(values)[i]))
both <- function(name, s) { say(paste0(name, ".est"), coef(s)); say(paste0(name, ".se"), SE(s)) }
options(survey.lonely.psu = "adjust")
plain <- svydesign(~psuid, strata = ~h, weights = ~w, data = d)
one <- svydesign(~psuid, strata = ~h, weights = ~w, fpc = ~N, data = d)
two <- svydesign(~psuid + ssuid, strata = ~h + NULL, weights = ~w, fpc = ~N + M, data = d)
for (name in c("plain", "one", "two")) {
  design <- get(name)
  answered <- subset(design, !is.na(y))
  both(paste0("mean.", name), svymean(~y, answered))
  both(paste0("total.", name), svytotal(~y, answered))
  both(paste0("ratio.", name), svyratio(~y, ~x, answered))
  both(paste0("share.", name), svymean(~yes, answered))
  by <- svyby(~y, ~d, answered, svytotal)
  say(paste0("domains.", name, ".est"), by$y); say(paste0("domains.", name, ".se"), by$se)
  q <- svyquantile(~y, answered, c(.1, .5, .75), ci = TRUE, df = degf(answered))$y
  say(paste0("quantile.", name), t(q[, c("quantile", "ci.2.5", "ci.97.5", "se")]))
}
kg <- svyciprop(~yes, subset(plain, !is.na(y)), method = "beta")
say("korn_graubard", attr(kg, "ci"))
lonely <- d; lonely$h[d$h == max(d$h) & d$p > 0] <- NA; lonely <- lonely[!is.na(lonely$h), ]
single <- svydesign(~psuid, strata = ~h, weights = ~w, data = lonely)
both("single.mean", svymean(~y, subset(single, !is.na(y)))); both("single.total", svytotal(~y, subset(single, !is.na(y))))
greg <- calibrate(plain, ~0 + a + x, c(ax = 500, ay = 300, az = 400, x = 2500))
say("greg.weight", weights(greg)[1:5])
# Subsets of calibrated designs divide by weights of zero where an answer is missing.
both("greg.mean", svyratio(~y0, ~told, greg)); both("greg.total", svytotal(~y0, greg))
post <- postStratify(plain, ~a, data.frame(a = c("x", "y", "z"), Freq = c(500, 300, 400)))
both("post.total", svytotal(~y0, post))
raked <- rake(plain, list(~a, ~b), list(data.frame(a = c("x", "y", "z"), Freq = c(500, 300, 400)), data.frame(b = c("u", "v"), Freq = c(700, 500))),
              control = list(maxit = 500, epsilon = 1e-13))
say("rake.weight", weights(raked)); say("rake.mean", coef(svyratio(~y0, ~told, raked)))
complete <- d[!is.na(d$y), ]
jkn <- as.svrepdesign(svydesign(~psuid, strata = ~h, weights = ~w, data = complete), type = "JKn", mse = TRUE)
jk1 <- as.svrepdesign(svydesign(~psuid, weights = ~w, data = complete), type = "JK1", mse = TRUE)
both("jkn.ratio", svyratio(~y, ~x, jkn)); both("jk1.ratio", svyratio(~y, ~x, jk1))
drawn <- as.matrix(read.csv(file.path(folder, "bootstrap.csv")))
boot <- svrepdesign(weights = complete$w, repweights = drawn, type = "bootstrap", combined.weights = TRUE, data = complete, mse = TRUE,
                    scale = 1 / ncol(drawn), rscales = rep(1, ncol(drawn)))
both("bootstrap.ratio", svyratio(~y, ~x, boot))
