"""The soak: random faults over whole sweeps, and a checker of what came of them.

`stub_training` stands in for Keras in the trial processes, so that hundreds of trials a minute go
through the real command line, driver, study, journal, engine, fork server and stores; `keras_model`
is for real trials. `driver` is the command line with faults in it, `storm` kills, damages and
resumes, and `checker` compares what the processes noted with the study and the folder.
"""
