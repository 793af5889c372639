// Starts JMeter as its own `jmeter` does, after allowing XStream to read test plans. XStream reads no class since 1.4.18 that it was not told of,
// and JMeter tells it only since 5.5: the jmeter 2.13 of Debian refuses every plan with a ForbiddenClassException.
import org.apache.jmeter.JMeter
import org.apache.jmeter.save.SaveService
import org.apache.jmeter.util.JMeterUtils
import org.apache.jorphan.logging.LoggingManager

JMeterUtils.setJMeterHome(System.getProperty('jmeter.home'))
JMeterUtils.loadJMeterProperties(JMeterUtils.JMeterHome + '/bin/jmeter.properties')
LoggingManager.setPriority('WARN')
SaveService.JMXSAVER.allowTypesByWildcard('org.apache.jmeter.**', 'org.apache.jorphan.**')
new JMeter().start(args)
